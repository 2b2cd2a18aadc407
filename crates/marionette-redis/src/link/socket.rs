//! Streams to a server.

use std::io;
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::address::Host;
use crate::clock;

use super::failure::Failure;
use super::way::Way;

/// How long it may take until a stream is there, with all addresses of a name, and TLS.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// How long data may be on its way without a sign that it arrived.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNHEARD: Duration = Duration::from_secs(10);

/// What a connection reads from and writes to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub(super) type Stream = Box<dyn Duplex>;

/// A stream over the network, with TLS if the address says so.
pub(super) async fn tcp(way: &Way, host: &Host) -> Result<Stream, Failure> {
    tcp_within(way, host, CONNECT).await
}

pub(super) async fn tcp_within(way: &Way, host: &Host, time: Duration) -> Result<Stream, Failure> {
    let stream = async {
        let stream = connect(host, time).await;
        let stream = stream.map_err(|error| Failure::unreachable(&server(way, host), error))?;
        #[cfg(feature = "tls")]
        if way.address.secure {
            return secure(way, host, stream).await;
        }
        Ok(Box::new(stream) as Stream)
    };
    tokio::time::timeout(time, stream)
        .await
        .unwrap_or_else(|_| {
            let late = format!("no connection within {} s", time.as_secs());
            let late = io::Error::new(io::ErrorKind::TimedOut, late);
            Err(Failure::unreachable(&server(way, host), late))
        })
}

/// The host as a person looks for it: behind sentinels it is not in the address.
fn server(way: &Way, host: &Host) -> String {
    let scheme = if way.address.secure {
        "rediss"
    } else {
        "redis"
    };
    format!("{scheme}://{host}")
}

/// Looks the name up, each time anew, and tries all of its addresses in turn.
async fn connect(host: &Host, time: Duration) -> io::Result<TcpStream> {
    let until = clock::monotonic() + time;
    let all = tokio::net::lookup_host((host.name.as_str(), host.port)).await?;
    let all: Vec<_> = all.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (index, address) in all.iter().enumerate() {
        // One that swallows packets leaves time for the others.
        let left = until.saturating_duration_since(clock::monotonic());
        let share = left / u32::try_from(all.len() - index).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return settle(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no connection in time"),
        }
    }
    Err(last)
}

/// Notices a peer that is gone: also where nothing is sent, and where nobody says so.
fn settle(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10));
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku")))]
    let keepalive = keepalive.with_interval(Duration::from_secs(5));
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku")))]
    let keepalive = keepalive.with_retries(3);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNHEARD))?;
    Ok(stream)
}

#[cfg(feature = "tls")]
async fn secure(way: &Way, host: &Host, stream: TcpStream) -> Result<Stream, Failure> {
    let connector = super::tls::connector(&way.settings)?;
    let stream = super::tls::secured(&connector, host, stream).await;
    let stream = stream.map_err(|error| Failure::unreachable(&server(way, host), error))?;
    Ok(Box::new(stream))
}

/// A stream within this machine.
#[cfg(unix)]
pub(super) async fn unix(way: &Way, path: &Path) -> Result<Stream, Failure> {
    let stream = tokio::net::UnixStream::connect(path);
    let stream = tokio::time::timeout(CONNECT, stream).await;
    let stream = stream.unwrap_or_else(|late| Err(late.into()));
    let stream = stream.map_err(|error| Failure::unreachable(&way.address, error))?;
    Ok(Box::new(stream))
}

#[cfg(not(unix))]
pub(super) async fn unix(way: &Way, _: &Path) -> Result<Stream, Failure> {
    Err(Failure::refused(format!(
        "{} is a socket in the file system, which this platform does not have",
        way.address
    )))
}
