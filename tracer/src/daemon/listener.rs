//! The optional listener for metrics and health.

use super::http::{self, HEAD_MAX_BYTES, Wanted};
use super::metrics::MEDIA_TYPE;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Connections at once. When there are more, the oldest goes: whoever asks at once is answered, however many others
/// only sit here.
const CONNECTIONS_MAX: usize = 256;

/// What one has to say what it wants, or to hear it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the text of the metrics is to go.
pub(super) type Scrape = oneshot::Sender<String>;

/// Listens, and passes on who wants metrics.
pub(super) async fn listen(address: SocketAddr, scrapes: mpsc::Sender<Scrape>) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        let mut oldest = VecDeque::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    while connections.try_join_next().is_some() {}
                    oldest.retain(|one: &AbortHandle| !one.is_finished());
                    if oldest.len() >= CONNECTIONS_MAX
                        && let Some(one) = oldest.pop_front()
                    {
                        one.abort();
                    }
                    let scrapes = scrapes.clone();
                    oldest.push_back(connections.spawn(async move {
                        // One that goes away or is too slow has had its chance.
                        let _ = serve(stream, &scrapes).await;
                    }));
                }
                // Out of descriptors, most likely, which passes.
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    });
    Ok(())
}

async fn serve(mut stream: TcpStream, scrapes: &mpsc::Sender<Scrape>) -> io::Result<()> {
    let answer = match timeout(PATIENCE, read(&mut stream)).await?? {
        Some(Wanted::Metrics) => metrics(scrapes).await,
        Some(Wanted::Health) => metrics(scrapes).await.map(|_| http::short("200 ok")),
        Some(Wanted::Nothing) => Some(http::short("404 not found")),
        Some(Wanted::OtherMethod) => Some(http::short("405 method not allowed")),
        None => Some(http::short("400 bad request")),
    };
    let answer = answer.unwrap_or_else(|| http::short("503 service unavailable"));
    timeout(PATIENCE, stream.write_all(answer.as_bytes())).await??;
    timeout(PATIENCE, stream.shutdown()).await?
}

/// What is wanted; `None` if that is not to be understood.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Wanted>> {
    let mut head = Vec::new();
    loop {
        match http::wanted(&head) {
            Ok(Some(wanted)) => return Ok(Some(wanted)),
            Ok(None) if head.len() < HEAD_MAX_BYTES => {}
            _ => return Ok(None),
        }
        let room = (HEAD_MAX_BYTES - head.len()) as u64;
        if (&mut *stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
}

/// The metrics, if the daemon's loop gives them in time: then it is well.
async fn metrics(scrapes: &mpsc::Sender<Scrape>) -> Option<String> {
    let (scrape, text) = oneshot::channel();
    timeout(PATIENCE, scrapes.send(scrape)).await.ok()?.ok()?;
    let text = timeout(PATIENCE, text).await.ok()?.ok()?;
    Some(http::answer("200 ok", MEDIA_TYPE, &text))
}
