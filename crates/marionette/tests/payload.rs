//! Jobs and results in a format of their own, which know nothing of serde.

use marionette::inspect::Inspect;
use marionette::{BoxError, Context, Job, MemoryStore, Payload, TaskManager};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A message of Protocol Buffers, `message Resize { uint64 image = 1; uint32 width = 2; }`, as a
/// generated type would write and read it.
#[derive(Clone, Debug, PartialEq)]
struct Resize {
    image: u64,
    width: u32,
}

impl Payload for Resize {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let mut bytes = Vec::new();
        for (field, value) in [(1, self.image), (2, self.width.into())] {
            bytes.push(field << 3);
            put_varint(&mut bytes, value);
        }
        Ok(bytes)
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, BoxError> {
        let mut resize = Self { image: 0, width: 0 };
        while let Some((tag, rest)) = bytes.split_first() {
            let (value, rest) = take_varint(rest).ok_or("it is cut off")?;
            match tag {
                0x08 => resize.image = value,
                0x10 => resize.width = value.try_into()?,
                _ => return Err(format!("the tag {tag} is unknown").into()),
            }
            bytes = rest;
        }
        Ok(resize)
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (varint, rest) = bytes.split_at(end + 1);
    let value = varint
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

impl Job for Resize {
    const KIND: &'static str = "resize";
    type Output = Thumbnail;
}

/// A result in a format of its own.
#[derive(Debug, PartialEq)]
struct Thumbnail(Vec<u8>);

impl Payload for Thumbnail {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.clone())
    }

    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        Ok(Self(bytes.to_vec()))
    }
}

async fn resize(resize: Resize, _: Context) -> Result<Thumbnail, marionette::TaskError> {
    Ok(Thumbnail(vec![0xff; resize.width as usize]))
}

#[tokio::test]
async fn a_job_and_its_result_in_a_foreign_format_are_stored_as_they_encode_themselves() {
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(resize)
        .build();
    let tasks = tasks.expect("it is sound");
    let job = Resize {
        image: 300,
        width: 3,
    };
    let handle = tasks.queue(job.clone()).await.expect("it is accepted");
    let details = tasks.store().job(handle.id()).await.expect("it answers");
    let details = details.expect("it is there");
    assert_eq!(details.payload, [0x08, 0xac, 0x02, 0x10, 0x03]);
    assert_eq!(details.arguments::<Resize>().expect("it decodes"), job);

    tasks.start();
    let id = handle.id();
    let thumbnail = Thumbnail(vec![0xff; 3]);
    assert_eq!(handle.await.expect("it succeeds"), thumbnail);
    let details = tasks.store().job(id).await.expect("it answers");
    let output = details.expect("it is kept").output::<Resize>();
    assert_eq!(output.expect("it decodes"), Some(thumbnail));
}

#[tokio::test]
async fn a_foreign_format_is_encoded_in_memory_too() {
    let tasks = TaskManager::builder()
        .handle(resize)
        .build()
        .expect("it is sound");
    tasks.start();
    let handle = tasks.queue(Resize { image: 1, width: 2 }).await;
    let thumbnail = handle.expect("it is accepted").await;
    assert_eq!(thumbnail.expect("it succeeds"), Thumbnail(vec![0xff; 2]));
}

/// A wrapper that gives types of serde another format.
#[derive(Debug)]
struct Backwards<T>(T);

impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for Backwards<T> {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(self.0.encode()?.into_iter().rev().collect())
    }

    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        T::decode(&bytes).map(Self)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Card {
    number: String,
}

impl Job for Backwards<Card> {
    const KIND: &'static str = "charge";
    type Output = Backwards<String>;
}

#[tokio::test]
async fn a_wrapper_gives_types_of_serde_another_format() {
    let handler = async |Backwards(card): Backwards<Card>, _: Context| Ok(Backwards(card.number));
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(handler)
        .build();
    let tasks = tasks.expect("it is sound");
    let card = Card {
        number: "4111".into(),
    };
    let handle = tasks.queue(Backwards(card)).await.expect("it is accepted");
    let details = tasks.store().job(handle.id()).await.expect("it answers");
    assert_eq!(
        details.expect("it is there").payload,
        br#"}"1114":"rebmun"{"#
    );
    tasks.start();
    assert_eq!(handle.await.expect("it succeeds").0, "4111");
}
