//! Things to know about a lab, and who says so; what nobody has said is one line.

use maud::{Markup, html};

use super::shown;

/// One thing.
#[derive(Debug, Clone, Copy)]
pub struct Thing<'a> {
    /// What.
    pub name: &'a str,
    /// Its value, where somebody has said it.
    pub value: Option<&'a str>,
    /// Who says so: `testbed`, `squall`, `device`.
    pub source: Option<&'a str>,
    /// The key of the testbed file that asks for it.
    pub key: Option<&'a str>,
}

impl Thing<'_> {
    fn is_said(&self) -> bool {
        self.value.is_some_and(|value| !value.trim().is_empty())
    }
}

/// A table of what was said, and of what nobody can say in the testbed file.
#[must_use]
pub fn table(label: &str, things: &[Thing<'_>]) -> Markup {
    let said: Vec<&Thing<'_>> = things
        .iter()
        .filter(|thing| thing.is_said() || thing.key.is_none())
        .collect();
    if said.is_empty() {
        return html! { p.none { (shown::NOT_PROVIDED) } };
    }
    let rows = html! {
        thead { tr { th scope="col" { "Parameter" } th scope="col" { "Value" } th scope="col" { "Said by" } } }
        tbody {
            @for thing in said {
                tr {
                    th scope="row" { (shown::words(thing.name, "no name")) }
                    td { (shown::words(thing.value, shown::NOT_PROVIDED)) }
                    td.said { (source(thing)) }
                }
            }
        }
    };
    shown::table(label, 3, &rows)
}

/// One line for all that nobody has provided, with the keys to fill in; nothing where all is said.
#[must_use]
pub fn unprovided(things: &[Thing<'_>]) -> Markup {
    let open: Vec<&Thing<'_>> = things.iter().filter(|thing| !thing.is_said()).collect();
    if open.is_empty() {
        return html! {};
    }
    html! {
        p.unprovided {
            (open.len()) " " (shown::NOT_PROVIDED) "; keys of the testbed file to fill in: "
            @for (index, thing) in open.iter().enumerate() {
                @if index > 0 { ", " }
                code title=(thing.name) { (shown::words(thing.key.unwrap_or(thing.name), "no name")) }
            }
        }
    }
}

/// Who says so.
pub(crate) fn source(thing: &Thing<'_>) -> Markup {
    html! {
        @match (thing.source, thing.key) {
            (Some("testbed"), Some(key)) => { "testbed file, " code { (key) } }
            (Some("testbed"), None) => { "testbed file" }
            (Some("squall"), _) => { "squall saw it" }
            (Some("device"), _) => { "read from the device" }
            (Some(other), _) if !other.trim().is_empty() => (other),
            (_, Some(key)) => { "testbed key " code { (key) } " asks for it" }
            _ => { "nobody" }
        }
    }
}
