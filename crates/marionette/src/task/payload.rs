//! `Payload`: what can be stored as bytes, the arguments and the results of jobs.
//! Types of serde are JSON; a type of another format says itself how it is encoded.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::finite;
use crate::outcome::error::BoxError;

/// A value that a store can keep as bytes: the arguments of a [`Job`](crate::Job), and its
/// [`Output`](crate::Job::Output).
///
/// Every type that implements serde's `Serialize` and `Deserialize` is a payload, encoded as JSON,
/// which a person can read in the store with any tool.
/// A type without serde implements this trait itself. Do so for Protocol Buffers and other formats
/// of your own, and to compress or encrypt what is stored.
///
/// A payload has at most 1 MiB ([`PAYLOAD_BYTES_MAX`](crate::store::PAYLOAD_BYTES_MAX)).
///
/// # Examples
///
/// A job in a format of its own:
///
/// ```
/// use marionette::{BoxError, Context, Job, Payload, TaskManager};
///
/// struct Resize {
///     image: u64,
///     width: u32,
/// }
///
/// impl Payload for Resize {
///     fn encode(&self) -> Result<Vec<u8>, BoxError> {
///         Ok([&self.image.to_le_bytes()[..], &self.width.to_le_bytes()[..]].concat())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
///         let (image, width) = bytes.split_at_checked(8).ok_or("it is cut off")?;
///         Ok(Self {
///             image: u64::from_le_bytes(image.try_into()?),
///             width: u32::from_le_bytes(width.try_into()?),
///         })
///     }
/// }
///
/// impl Job for Resize {
///     const KIND: &'static str = "resize";
///     type Output = u32;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder()
///     .handle(async |resize: Resize, _: Context| Ok(resize.width))
///     .build()?;
/// tasks.start();
/// assert_eq!(tasks.queue(Resize { image: 7, width: 640 }).await?.await?, 640);
/// # Ok(())
/// # }
/// ```
///
/// A wrapper gives one format to all types that use it:
///
/// ```
/// use marionette::{BoxError, Payload};
/// use serde::{Serialize, de::DeserializeOwned};
/// # fn encrypt(bytes: Vec<u8>) -> Vec<u8> { bytes }
/// # fn decrypt(bytes: &[u8]) -> Result<Vec<u8>, BoxError> { Ok(bytes.to_vec()) }
///
/// struct Secret<T>(T);
///
/// impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for Secret<T> {
///     fn encode(&self) -> Result<Vec<u8>, BoxError> {
///         Ok(encrypt(self.0.encode()?))
///     }
///
///     fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
///         Ok(Self(T::decode(&decrypt(bytes)?)?))
///     }
/// }
/// # assert_eq!(Secret::<u8>::decode(&Secret(7_u8).encode().unwrap()).unwrap().0, 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored: it has no encoding",
    label = "not a `Payload`",
    note = "derive serde's traits, and it is stored as JSON: \
            `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "a type of another format implements `marionette::Payload` itself"
)]
pub trait Payload: Sized + Send + 'static {
    /// Encodes the value for the store.
    ///
    /// Encoded arguments are [decoded](Self::decode) once before the job is accepted; the job is
    /// refused if that fails. JSON, for instance, has no keys that are not texts, and is read to a
    /// depth of 127. JSON has neither `NaN` nor infinity, so a job with one is refused too.
    ///
    /// # Errors
    ///
    /// The value cannot be stored. A job with such arguments is refused. A job with such a result
    /// is done all the same, and its handle resolves to this error
    /// ([`Error::is_unreadable`](crate::Error::is_unreadable)).
    fn encode(&self) -> Result<Vec<u8>, BoxError>;

    /// Decodes what was stored, maybe by another version of the program.
    ///
    /// # Errors
    ///
    /// The bytes cannot be read. A job with such arguments is buried, with this error. A job with
    /// such a result is done all the same, and its handle resolves to this error
    /// ([`Error::is_unreadable`](crate::Error::is_unreadable)).
    fn decode(bytes: &[u8]) -> Result<Self, BoxError>;
}

/// JSON.
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let bytes = serde_json::to_vec(self)?;
        finite::check(self)?;
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
