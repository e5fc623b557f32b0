//! The text behind a check's colon, with `%(…)s` for what the call is about.

use std::{borrow::Cow, fmt};

use super::check::{Target, or_none};

/// Text with places for attributes of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    ProjectId,
    UserId,
    /// An attribute that targets have with other services, and not here.
    Unknown(String),
}

impl Template {
    /// Reads `%(name)s`, `%%`, and text; none where Python would not format it, or with more than we know.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            if let Some(after) = after.strip_prefix('%') {
                text.push('%');
                rest = after;
                continue;
            }
            let (name, after) = after.strip_prefix('(')?.split_once(')')?;
            rest = after.strip_prefix('s')?;
            if name.contains('(') {
                return None;
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(match name {
                "project_id" | "tenant_id" => Piece::ProjectId,
                "user_id" => Piece::UserId,
                _ => Piece::Unknown(name.to_owned()),
            });
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Some(Self {
            written: written.to_owned(),
            pieces,
        })
    }

    /// The text for `target`; none where it asks for what a target has not.
    pub(super) fn text<'a>(&'a self, target: &Target<'a>) -> Option<Cow<'a, str>> {
        let text_of = |piece: &'a Piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::ProjectId => Some(or_none(target.project_id)),
            Piece::UserId => Some(or_none(target.user_id)),
            Piece::Unknown(_) => None,
        };
        match self.pieces.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [piece] => text_of(piece).map(Cow::Borrowed),
            pieces => pieces
                .iter()
                .map(text_of)
                .collect::<Option<String>>()
                .map(Cow::Owned),
        }
    }

    /// The attributes that no target has.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Unknown(name) => Some(name.as_str()),
            Piece::Text(_) | Piece::ProjectId | Piece::UserId => None,
        })
    }

    /// Whether it has a place for an attribute.
    pub(super) fn has_places(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Text(_)))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_template_is_refused() {
        for text in ["%", "%s", "%(a)", "%(a)d", "%(a", "a%b", "%(a(b))s", "%%%"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }

    #[test]
    fn places_are_filled_from_the_target() {
        let target = Target {
            project_id: Some("p"),
            user_id: None,
        };
        for (text, filled) in [
            ("", Some("")),
            ("a", Some("a")),
            ("%(project_id)s", Some("p")),
            ("%(user_id)s", Some("None")),
            ("a-%(project_id)s-100%%", Some("a-p-100%")),
            ("%(target.id)s", None),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.text(&target).as_deref(), filled, "{text}");
        }
    }
}
