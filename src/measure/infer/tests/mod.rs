//! Inference against queues written out here, which share nothing with it but the definitions.

mod ecn;
mod loss;
mod model;
mod pfc;
mod probe;
