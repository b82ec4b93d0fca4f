//! Reading the event stream.

use serde_json::Value;

use super::ClientError;

/// Bytes of the longest event.
const EVENT: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerEvent {
    /// Names this event; the next stream resumes after it.
    pub cursor: String,
    /// `transaction` or `block`.
    pub kind: String,
    /// What happened.
    pub data: Value,
}

/// An open stream of events.
#[derive(Debug)]
pub struct LedgerEvents {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl LedgerEvents {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    /// The next event; `None` when the node ends the stream.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if it breaks off: open another one from the last cursor.
    pub async fn next(&mut self) -> Result<Option<LedgerEvent>, ClientError> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let block = std::mem::replace(&mut self.buffer, rest);
                if let Some(event) = parse(&String::from_utf8_lossy(&block))? {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                None => return Ok(None),
                Some(piece) if self.buffer.len() + piece.len() <= EVENT => {
                    self.buffer.extend_from_slice(&piece)
                }
                Some(_) => return Err(ClientError::Answer(format!("an event of more than {EVENT} bytes"))),
            }
        }
    }
}

/// An event from its lines; `None` for a comment.
fn parse(block: &str) -> Result<Option<LedgerEvent>, ClientError> {
    let (mut cursor, mut kind, mut data) = (None, None, String::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => cursor = Some(value.to_owned()),
            "event" => kind = Some(value.to_owned()),
            "data" => data.push_str(value),
            _ => {} // a comment, or a field that the standard says to ignore
        }
    }
    match (cursor, kind) {
        (Some(cursor), Some(kind)) => {
            let data = serde_json::from_str(&data).map_err(|error| ClientError::Answer(error.to_string()))?;
            Ok(Some(LedgerEvent { cursor, kind, data }))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_comments_are_told_apart() {
        assert_eq!(parse(":\n\n").unwrap(), None);
        let event = parse("event: block\nid: 7.2\ndata: {\"height\":7}\n\n").unwrap().unwrap();
        assert_eq!((event.cursor.as_str(), event.kind.as_str()), ("7.2", "block"));
        assert_eq!(event.data["height"], 7);
        assert!(parse("event: block\nid: 7.2\ndata: {\n\n").is_err());
    }
}
