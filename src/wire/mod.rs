pub mod advance;
pub mod stamp;
pub mod template;
