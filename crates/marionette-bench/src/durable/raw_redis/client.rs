//! A client of its own, as small as one can be: it writes calls, and reads their answers in their
//! order.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    read: usize,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RawAnswer {
    Nothing,
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<RawAnswer>),
}

/// A call while it is written.
#[derive(Clone, Default)]
pub(super) struct Call {
    words: usize,
    body: Vec<u8>,
}

impl Call {
    pub(super) fn new(command: &str) -> Self {
        let mut call = Self::default();
        call.word(command.as_bytes());
        call
    }

    pub(super) fn word(&mut self, word: &[u8]) {
        self.words += 1;
        self.body
            .extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        self.body.extend_from_slice(word);
        self.body.extend_from_slice(b"\r\n");
    }

    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(format!("*{}\r\n", self.words).as_bytes());
        bytes.extend_from_slice(&self.body);
    }
}

impl Client {
    /// Connects to `redis://host:port`.
    pub(super) async fn connect(address: &str) -> Self {
        let host = address.trim_start_matches("redis://");
        let stream = TcpStream::connect(host).await.expect("the server listens");
        stream.set_nodelay(true).expect("it is a socket");
        Self {
            stream,
            received: Vec::with_capacity(64 * 1024),
            read: 0,
        }
    }

    pub(super) async fn send(&mut self, call: &Call) {
        let mut bytes = Vec::with_capacity(call.body.len() + 16);
        call.write_to(&mut bytes);
        self.write(&bytes).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        let written = self.stream.write_all(bytes).await;
        written.expect("the server reads");
    }

    /// The next answer. Nothing is lost if the future is dropped.
    pub(super) async fn receive(&mut self) -> RawAnswer {
        loop {
            if let Some((answer, end)) = parse(&self.received, self.read) {
                self.read = end;
                if end == self.received.len() {
                    self.received.clear();
                    self.read = 0;
                }
                return answer;
            }
            let read = self.stream.read_buf(&mut self.received).await;
            assert!(read.expect("the server answers") > 0, "the server hung up");
        }
    }

    pub(super) async fn ask(&mut self, call: &Call) -> RawAnswer {
        self.send(call).await;
        self.receive().await
    }

    /// Sends `call` for each caller that comes, those that come together in one write, and tells
    /// each when it is answered. Ends with the last caller.
    pub(super) async fn serve(
        mut self,
        call: Call,
        mut callers: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    ) {
        let mut waiting = VecDeque::new();
        let mut bytes = Vec::new();
        loop {
            tokio::select! {
                caller = callers.recv() => {
                    let Some(caller) = caller else { return };
                    bytes.clear();
                    let mut next = Some(caller);
                    while let Some(caller) = next {
                        call.write_to(&mut bytes);
                        waiting.push_back(caller);
                        next = callers.try_recv().ok();
                    }
                    self.write(&bytes).await;
                }
                _ = self.receive(), if !waiting.is_empty() => {
                    let caller: Option<oneshot::Sender<()>> = waiting.pop_front();
                    caller.map(|caller| caller.send(()));
                }
            }
        }
    }
}

/// The answer that begins at `at`, and where it ends; none if it is not whole yet.
fn parse(bytes: &[u8], at: usize) -> Option<(RawAnswer, usize)> {
    let line = bytes.get(at..)?.split(|byte| *byte == b'\n').next()?;
    let text = at + line.len() + 1;
    if text > bytes.len() {
        return None;
    }
    let line = line.trim_ascii_end();
    let (kind, rest) = line.split_first().expect("an answer has a kind");
    let number = || -> i64 {
        let rest = std::str::from_utf8(rest).expect("a number is text");
        rest.parse().expect("it is a number")
    };
    Some(match kind {
        b'+' => (RawAnswer::Bytes(rest.to_vec()), text),
        b':' => (RawAnswer::Number(number()), text),
        b'$' | b'*' if number() < 0 => (RawAnswer::Nothing, text),
        b'$' => {
            let end = text + usize::try_from(number()).expect("it is a length");
            let bulk = bytes.get(text..end)?;
            bytes.get(end + 1)?;
            (RawAnswer::Bytes(bulk.to_vec()), end + 2)
        }
        b'*' => {
            let (mut list, mut at) = (Vec::new(), text);
            for _ in 0..number() {
                let (answer, end) = parse(bytes, at)?;
                list.push(answer);
                at = end;
            }
            (RawAnswer::List(list), at)
        }
        _ => panic!("the server says {}", String::from_utf8_lossy(line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let bytes = b"*3\r\n:7\r\n$-1\r\n$2\r\nab\r\n+OK\r\n";
        let end = bytes.len() - 5;
        let list = [
            RawAnswer::Number(7),
            RawAnswer::Nothing,
            RawAnswer::Bytes(b"ab".to_vec()),
        ];
        assert_eq!(parse(bytes, 0), Some((RawAnswer::List(list.to_vec()), end)));
        for cut in 0..end {
            assert_eq!(parse(&bytes[..cut], 0), None, "{cut} bytes");
        }
        let word = RawAnswer::Bytes(b"OK".to_vec());
        assert_eq!(parse(bytes, end), Some((word, bytes.len())));
    }
}
