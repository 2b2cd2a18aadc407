//! A small client of its own, so that no test trusts the client that it tests.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// An answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A word, such as `OK`.
    Status(String),
    /// A number.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Several answers.
    Array(Vec<Reply>),
    /// What is wrong.
    Error(String),
}

impl Reply {
    /// The number, also if the server told it as text.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            other => other.text().parse().expect("the answer is a number"),
        }
    }

    /// The text of a word or of bytes.
    ///
    /// # Panics
    ///
    /// If it is neither.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// The bytes of a word or of bytes.
    ///
    /// # Panics
    ///
    /// If it is neither.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Status(text) => text.clone().into_bytes(),
            Self::Bulk(bytes) => bytes.clone(),
            other => panic!("the answer has no bytes: {other:?}"),
        }
    }

    /// The answers that it consists of.
    ///
    /// # Panics
    ///
    /// If it is a single one.
    #[must_use]
    pub fn list(self) -> Vec<Self> {
        match self {
            Self::Array(all) => all,
            other => panic!("the answer is no list: {other:?}"),
        }
    }
}

/// A connection to a server, with one command at a time.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to a port of the loopback.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub fn open(port: u16, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let stream = BufReader::new(stream);
        Ok(Self { stream })
    }

    /// Sends a command and waits for its answer. What the server refuses is an answer too.
    ///
    /// # Errors
    ///
    /// If the connection is lost, or the server takes too long.
    pub fn command<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Reply> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes)?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let (Some(kind), Some(rest)) = (line.get(..1), line.get(1..)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let rest = rest.trim_end();
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => number().map(Reply::Int),
            "$" => match usize::try_from(number()?) {
                Ok(length) => self.bulk(length),
                Err(_) => Ok(Reply::Nil),
            },
            "*" => match usize::try_from(number()?) {
                Ok(length) => (0..length)
                    .map(|_| self.read())
                    .collect::<Result<_, _>>()
                    .map(Reply::Array),
                Err(_) => Ok(Reply::Nil),
            },
            _ => Err(io::Error::other(format!("a strange answer: {line:?}"))),
        }
    }

    fn bulk(&mut self, length: usize) -> io::Result<Reply> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Reply::Bulk(bytes))
    }
}
