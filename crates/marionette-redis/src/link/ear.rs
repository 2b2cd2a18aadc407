//! What the server says by itself, on the channel of this process.

use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

/// What comes from the server without a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// The subscription has begun, at first or anew: messages may have been lost before it.
    Connected,
    /// A message to this process.
    Message(Vec<u8>),
}

/// Passes the messages of one channel on. It outlives the connections, which come and go.
#[derive(Clone, Debug)]
pub(crate) struct Ear {
    channel: String,
    pushes: mpsc::UnboundedSender<Push>,
}

impl Ear {
    /// An ear for this channel, and what it hears.
    pub(crate) fn new(channel: String) -> (Self, mpsc::UnboundedReceiver<Push>) {
        let (pushes, heard) = mpsc::unbounded_channel();
        (Self { channel, pushes }, heard)
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// Passes a message on, unless nobody listens any more.
    pub(crate) fn hear(&self, message: Vec<u8>) -> Result<(), Gone> {
        self.pushes.send(Push::Message(message)).map_err(|_| Gone)
    }

    /// Tells that the subscription has begun.
    pub(crate) fn connected(&self) {
        let _ = self.pushes.send(Push::Connected);
    }
}

/// Nobody listens any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl AsyncPushSender for Ear {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        if info.kind != PushKind::SMessage {
            return Ok(());
        }
        let Some(Value::BulkString(message)) = info.data.into_iter().nth(1) else {
            return Ok(());
        };
        self.hear(message).map_err(|_| SendError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn an_ear_passes_on_the_messages_of_its_channel_and_nothing_else() {
        let (ear, mut heard) = Ear::new("{a}:wake:1".to_owned());
        let say = |kind, data| ear.send(PushInfo { kind, data }).unwrap();
        say(
            PushKind::SSubscribe,
            vec![text("{a}:wake:1"), Value::Int(1)],
        );
        say(PushKind::SMessage, vec![text("{a}:wake:1"), text("w")]);
        say(PushKind::SMessage, vec![]);
        say(PushKind::Disconnection, vec![]);
        ear.connected();
        assert_eq!(heard.try_recv(), Ok(Push::Message(b"w".to_vec())));
        assert_eq!(heard.try_recv(), Ok(Push::Connected));
        assert!(heard.try_recv().is_err());
    }
}
