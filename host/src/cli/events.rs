//! Server-sent events as they come in.

use reqwest::Response;
use serde_json::Value;

use super::api_client::Object;

/// The longest event; a longer one ends the stream.
const LONGEST: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    /// Its kind.
    pub(super) name: String,
    /// What it tells, an object.
    pub(super) data: Object,
}

/// A stream of events, until it ends or breaks off.
pub(super) struct Events {
    response: Response,
    parser: Parser,
}

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response,
            parser: Parser::default(),
        }
    }

    /// The next event; none when the stream ended or broke off.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.parser.next() {
                return Some(event);
            }
            if self.parser.bytes.len() > LONGEST {
                return None;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.parser.bytes.extend_from_slice(&chunk);
        }
    }

    /// The id after which another stream goes on.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.parser.last_id.as_deref()
    }
}

/// Makes events of bytes.
#[derive(Debug, Default)]
struct Parser {
    bytes: Vec<u8>,
    name: String,
    data: String,
    id: Option<String>,
    last_id: Option<String>,
}

impl Parser {
    /// The next event that is complete. What is no JSON object is passed over.
    fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                if self.id.is_some() {
                    self.last_id = self.id.take();
                }
                let (name, data) = (
                    std::mem::take(&mut self.name),
                    std::mem::take(&mut self.data),
                );
                if let Ok(Value::Object(data)) = serde_json::from_str(&data) {
                    return Some(Event { name, data });
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.name),
                "data" => self.data.push_str(value),
                "id" => self.id = Some(value.to_owned()),
                // A heartbeat is a comment, whose field is empty.
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_bytes_that_come_in_any_pieces() {
        let text = ": heartbeat\n\nevent: task\ndata: {\"id\":\"1\"}\nid: 7\n\nevent: log\r\ndata: {\"a\":\r\ndata: 2}\r\n\r\nevent: x\ndata: no\n\nevent";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                parser.bytes.extend_from_slice(piece);
                events.extend(std::iter::from_fn(|| parser.next()));
            }
            let names: Vec<&str> = events.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(names, ["task", "log"], "in pieces of {size}");
            assert_eq!(events[1].data["a"], 2);
            assert_eq!(parser.last_id.as_deref(), Some("7"));
        }
    }
}
