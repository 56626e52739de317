//! An explanation for people.

use std::fmt::Write;

use super::{Explanation, Other, State, Step};
use crate::source::Place;

/// Renders an explanation as text.
pub fn render_human(explanation: &Explanation) -> String {
    let Explanation {
        request,
        outcome,
        status: _,
        problem: _,
        route: _,
        steps,
        others,
    } = explanation;
    // Writing into a string cannot fail.
    let mut text = format!("{request}\n{outcome}\n\n");
    for Step {
        phase,
        state,
        text: said,
        places,
    } in steps
    {
        let state = match state {
            State::Passed => "passed",
            State::Answered => "answered",
            State::Refused => "REFUSED",
            State::NotReached => "-",
        };
        let line = format!("{phase:<13} {state:<9} {said}");
        let _ = writeln!(text, "{}", line.trim_end());
        for place in places {
            let _ = writeln!(text, "{:24}at {}", "", shown(place));
        }
    }
    if !others.is_empty() {
        text.push_str("\nroutes that do not take it:\n");
    }
    for Other {
        route,
        serves,
        why,
        place,
    } in others
    {
        let _ = writeln!(text, "  `{route}`: {serves}");
        let place = place.as_ref().map(|place| format!(", at {}", shown(place)));
        let _ = writeln!(text, "    {why}{}", place.unwrap_or_default());
    }
    text
}

fn shown(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}
