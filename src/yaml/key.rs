//! Keys: each is declared once, with its name, what is allowed, its default and its meaning.
//!
//! Contract: whatever is known of a key follows from its declaration in `keys!`: the value
//! that a reader gets ([`super::read::Fields::get`]), what a mistake is answered with, suggestions, and the tables of `docs/`.
//! A range and a default have no second place: a reader names the key and nothing else.
//!
//! Left out on purpose: what must hold between keys, which the readers check; the forms themselves (`form`).

use std::fmt;

use super::read::{At, Fields};

/// A key of a map, whatever the type of its value.
pub trait Declared: Sync {
    /// The key.
    fn name(&self) -> &'static str;
    /// What is allowed as its value.
    fn allowed(&self) -> String;
    /// The default, or what holds without the key, or `required`.
    fn default(&self) -> String;
    /// What it means, in a line.
    fn doc(&self) -> &'static str;
    /// Whether a map without it is wrong.
    fn required(&self) -> bool {
        false
    }
    /// The keys of the map that its value is, or may be.
    fn maps(&self) -> &'static [&'static dyn Section] {
        &[]
    }
}

impl fmt::Debug for dyn Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys of one kind of map.
pub trait Section: Sync {
    /// Name in the documentation's markers.
    fn name(&self) -> &'static str;
    /// The keys.
    fn keys(&'static self) -> Vec<&'static dyn Declared>;

    /// The table as Markdown.
    fn markdown(&'static self) -> String {
        let mut table = String::from("| key | allowed | default | meaning |\n|---|---|---|---|\n");
        for key in self.keys() {
            let cells = [key.allowed(), key.default(), key.doc().to_owned()].map(|cell| cell.replace('|', "\\|"));
            table += &format!("| `{}` | {} |\n", key.name(), cells.join(" | "));
        }
        table
    }
}

/// What is allowed as a value, and how it becomes a `T`.
pub trait Form<T>: Sync {
    /// What is allowed, in words.
    fn allowed(&self) -> String;
    /// The value; `None`, recorded, where it is wrong.
    fn read(&self, at: At<'_, '_>) -> Option<T>;
    /// A value as it may be written, for the default in the documentation.
    fn show(&self, _value: &T) -> String {
        String::new()
    }
    /// As of [`Declared::maps`].
    fn maps(&self) -> &'static [&'static dyn Section] {
        &[]
    }
}

/// What holds where a key without a default value is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The map is wrong without it.
    Required,
    /// In words: it follows from something else, or there is nothing.
    Words(&'static str),
}

/// A key that may be absent, or must not be.
pub struct Key<T: 'static> {
    /// The key.
    pub name: &'static str,
    /// What is allowed.
    pub form: &'static dyn Form<T>,
    /// What holds without it.
    pub absent: Absent,
    /// What it means, in a line.
    pub doc: &'static str,
}

/// A key with a default value.
pub struct KeyOr<T: 'static> {
    /// The key.
    pub name: &'static str,
    /// What is allowed.
    pub form: &'static dyn Form<T>,
    /// The value where the key is absent or wrong.
    pub default: T,
    /// What it means, in a line.
    pub doc: &'static str,
}

/// A key whose default follows from something else.
pub struct KeyBy<T: 'static> {
    /// The key.
    pub name: &'static str,
    /// What is allowed.
    pub form: &'static dyn Form<T>,
    /// The usual default; with what another one holds, in words; and that one.
    pub default: (T, &'static str, T),
    /// What it means, in a line.
    pub doc: &'static str,
}

/// What every kind of key tells alike.
macro_rules! told {
    () => {
        fn name(&self) -> &'static str {
            self.name
        }
        fn allowed(&self) -> String {
            self.form.allowed()
        }
        fn doc(&self) -> &'static str {
            self.doc
        }
    };
}

impl<T> Declared for Key<T> {
    told!();
    fn default(&self) -> String {
        match self.absent {
            Absent::Required => "required".to_owned(),
            Absent::Words(words) => words.to_owned(),
        }
    }
    fn required(&self) -> bool {
        self.absent == Absent::Required
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        self.form.maps()
    }
}

impl<T: Sync> Declared for KeyOr<T> {
    told!();
    fn default(&self) -> String {
        self.form.show(&self.default)
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        self.form.maps()
    }
}

impl<T: Sync> Declared for KeyBy<T> {
    told!();
    fn default(&self) -> String {
        let (usual, with, other) = &self.default;
        format!("{}; {} with {with}", self.form.show(usual), self.form.show(other))
    }
}

/// A key whose value has a type.
pub trait Typed: Declared + Sized {
    /// What a given value becomes.
    type Given: 'static;
    /// What a reader gets.
    type Value;
    /// What is allowed.
    fn form(&self) -> &'static dyn Form<Self::Given>;
    /// The value that a reader gets for what is given, if that is right.
    fn value(&self, given: Option<Self::Given>) -> Self::Value;
}

impl<T: 'static> Typed for Key<T> {
    type Given = T;
    type Value = Option<T>;
    fn form(&self) -> &'static dyn Form<T> {
        self.form
    }
    fn value(&self, given: Option<T>) -> Option<T> {
        given
    }
}

impl<T: Clone + Sync> Typed for KeyOr<T> {
    type Given = T;
    type Value = T;
    fn form(&self) -> &'static dyn Form<T> {
        self.form
    }
    fn value(&self, given: Option<T>) -> T {
        given.unwrap_or_else(|| self.default.clone())
    }
}

impl<T: Clone + Sync> KeyBy<T> {
    /// The key's value, or its default: the other one where `other` holds.
    #[must_use]
    pub fn get(&self, fields: &Fields<'_>, other: bool) -> T {
        let default = if other { &self.default.2 } else { &self.default.0 };
        fields.given(self).unwrap_or_else(|| default.clone())
    }
}

impl<T: Clone + Sync> Typed for KeyBy<T> {
    type Given = T;
    type Value = Option<T>;
    fn form(&self) -> &'static dyn Form<T> {
        self.form
    }
    fn value(&self, given: Option<T>) -> Option<T> {
        given
    }
}

/// Declares maps of keys: for each a struct with a field for each key, a static of it, and its [`Section`].
///
/// A key is a line `name: type, form, default, "meaning";`. The default is `or VALUE`, `required`, `none`,
/// `by (VALUE, "what", VALUE WITH THAT)`, or `otherwise "what holds then"`. A key that several maps share is a constant: `name: Key<type> = CONSTANT;`.
macro_rules! keys {
    ($(
        $(#[$about:meta])*
        pub $table:ident: $kind:ident = $name:literal {$(
            $field:ident: $type:ty $(, $form:expr, $how:ident $($default:expr)?, $doc:literal)? $(= $shared:ident)?;
        )*}
    )*) => {$(
        $(#[$about])*
        pub static $table: $kind = $kind {$(
            $field: $crate::yaml::key::keys!(
                @value $field $(, &$form, $how $($default)?, $doc)? $(= $shared)?
            ),
        )*};

        $(#[$about])*
        pub struct $kind {$(
            $(#[doc = $doc])?
            #[allow(missing_docs, reason = "a shared key has its meaning where it is declared")]
            pub $field: $crate::yaml::key::keys!(@type $type $(, $how)?),
        )*}

        impl $crate::yaml::key::Section for $kind {
            fn name(&self) -> &'static str {
                $name
            }
            fn keys(&'static self) -> Vec<&'static dyn $crate::yaml::key::Declared> {
                vec![$(&self.$field),*]
            }
        }
    )*};
    (@type $type:ty) => { $type };
    (@type $type:ty, or) => { $crate::yaml::key::KeyOr<$type> };
    (@type $type:ty, by) => { $crate::yaml::key::KeyBy<$type> };
    (@type $type:ty, $how:ident) => { $crate::yaml::key::Key<$type> };
    (@value $field:ident = $shared:ident) => { $shared };
    (@value $field:ident, $form:expr, or $default:expr, $doc:literal) => {
        $crate::yaml::key::KeyOr {
            name: $crate::yaml::key::name(stringify!($field)),
            form: $form,
            default: $default,
            doc: $doc,
        }
    };
    (@value $field:ident, $form:expr, by $default:expr, $doc:literal) => {
        $crate::yaml::key::KeyBy {
            name: $crate::yaml::key::name(stringify!($field)),
            form: $form,
            default: $default,
            doc: $doc,
        }
    };
    (@value $field:ident, $form:expr, required, $doc:literal) => {
        $crate::yaml::key::keys!(@key $field, $form, $crate::yaml::key::Absent::Required, $doc)
    };
    (@value $field:ident, $form:expr, none, $doc:literal) => {
        $crate::yaml::key::keys!(@key $field, $form, $crate::yaml::key::Absent::Words("none"), $doc)
    };
    (@value $field:ident, $form:expr, otherwise $words:expr, $doc:literal) => {
        $crate::yaml::key::keys!(@key $field, $form, $crate::yaml::key::Absent::Words($words), $doc)
    };
    (@key $field:ident, $form:expr, $absent:expr, $doc:literal) => {
        $crate::yaml::key::Key {
            name: $crate::yaml::key::name(stringify!($field)),
            form: $form,
            absent: $absent,
            doc: $doc,
        }
    };
}
pub(crate) use keys;

/// The key of a field: a field whose name is a word of Rust is written `r#name`.
#[must_use]
pub const fn name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}
