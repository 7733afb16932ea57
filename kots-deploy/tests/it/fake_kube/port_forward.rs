//! The kubelet's end of a port-forward: WebSocket messages with a channel byte, the port number
//! first on each channel, 32 KiB at a time, one TCP connection into the pod.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Fake, Fault, Pod, Verb, status};

const PIECE_BYTES: usize = 32 * 1024;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

pub(super) async fn handle(
    State(fake): State<Arc<Fake>>,
    Path(name): Path<String>,
    mut request: Request,
) -> Response {
    if let Err(refusal) = fake.check(Verb::PortForward, &format!("pods \"{name}\"")) {
        return *refusal;
    }
    let pod = match fake.pod(&name) {
        Ok(pod) => pod,
        Err(missing) => return *missing,
    };
    let refused = fake.switches().no_upgrade;
    if let Some(code) = refused {
        let code = StatusCode::from_u16(code).expect("a status");
        return status(code, "InternalError", "error dialing backend: connection refused");
    }
    assert!(request.uri().query().is_some_and(|query| query.ends_with("ports=3000")));
    let Some(key) = accept_key(request.headers()) else {
        return status(StatusCode::BAD_REQUEST, "BadRequest", "Upgrade request required");
    };
    fake.seen().tunnels.push(pod.name.clone());
    let fault = fake.switches().tunnels.pop_front().unwrap_or(Fault::Works);
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.expect("an upgrade");
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        // An error means that the client went away, which it may.
        let _ = serve(&fake, &pod, socket, fault).await;
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, key),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("v4.channel.k8s.io")),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let protocols = text(header::SEC_WEBSOCKET_PROTOCOL)?;
    if !protocols.split(',').any(|protocol| protocol.trim() == "v4.channel.k8s.io") {
        return None;
    }
    let key = derive_accept_key(text(header::SEC_WEBSOCKET_KEY)?.as_bytes());
    HeaderValue::from_str(&key).ok()
}

async fn serve(fake: &Fake, pod: &Pod, mut socket: Socket, fault: Fault) -> Result<(), Error> {
    for channel in [0, 1] {
        let port = 3000_u16.to_le_bytes();
        socket.send(Message::binary(vec![channel, port[0], port[1]])).await?;
    }
    let connected = match pod.address {
        Some(address) => TcpStream::connect(address).await,
        None => Err(std::io::ErrorKind::ConnectionRefused.into()),
    };
    let Ok(tcp) = connected else {
        let text = "\x01error forwarding port 3000 to pod 1, uid : failed to execute \
                portforward in network namespace: failed to connect to localhost:3000 inside \
                namespace \"1\", IPv4: dial tcp4 127.0.0.1:3000: connect: connection refused";
        socket.send(Message::binary(text.as_bytes().to_vec())).await?;
        return socket.close(None).await;
    };
    pump(fake, socket, tcp, fault).await
}

/// How the client's direction ended.
enum Up {
    /// The client said farewell: the pod sees the end of its input.
    Farewell,
    /// The pod takes no more.
    Refused,
    /// A fault was ordered.
    Cut,
}

async fn pump(fake: &Fake, socket: Socket, tcp: TcpStream, fault: Fault) -> Result<(), Error> {
    let (mut sink, mut stream) = socket.split();
    let (mut from_pod, mut to_pod) = tcp.into_split();
    let problem = Mutex::new(None);
    let up = async {
        let mut count = 0;
        while let Some(message) = stream.next().await {
            let data = match message? {
                Message::Binary(message) => message,
                Message::Ping(_) => {
                    fake.seen().pings += 1;
                    continue;
                }
                Message::Close(_) => break,
                _ => continue,
            };
            assert_eq!(data.first(), Some(&0), "clients send on the data channel only");
            let data = data.slice(1..);
            count += data.len();
            {
                let mut seen = fake.seen();
                seen.largest_frame = seen.largest_frame.max(data.len());
            }
            let written = match fault {
                Fault::Cut { after_bytes } if count >= after_bytes => return Ok(Up::Cut),
                Fault::Stall { after_bytes } if count >= after_bytes => {
                    std::future::pending().await
                }
                Fault::Slow { piece_bytes, pause } => {
                    slowly(&mut to_pod, &data, piece_bytes, pause).await
                }
                _ => to_pod.write_all(&data).await,
            };
            if let Err(error) = written {
                let text = format!("\x01error forwarding port 3000 to pod 1, uid : {error}");
                *problem.lock().expect("no panic") = Some(text);
                return Ok(Up::Refused);
            }
        }
        to_pod.shutdown().await.ok();
        Ok::<Up, Error>(Up::Farewell)
    };
    let down = async {
        loop {
            let mut message = BytesMut::with_capacity(PIECE_BYTES + 1);
            message.put_u8(0);
            match from_pod.read_buf(&mut message).await {
                Ok(0) | Err(_) => break,
                Ok(_) => sink.send(Message::Binary(Bytes::from(message))).await?,
            }
        }
        let problem = problem.lock().expect("no panic").take();
        if let Some(problem) = problem {
            sink.send(Message::binary(problem.into_bytes())).await?;
        }
        sink.close().await
    };
    // As containerd does: when one direction has ended, the other may finish for a second.
    tokio::pin!(up, down);
    tokio::select! {
        result = &mut down => result,
        result = &mut up => match result? {
            Up::Cut => Err(Error::ConnectionClosed),
            Up::Farewell | Up::Refused => {
                tokio::time::timeout(Duration::from_secs(1), down).await.unwrap_or(Ok(()))
            }
        },
    }
}

async fn slowly(
    to_pod: &mut OwnedWriteHalf,
    data: &[u8],
    piece_bytes: usize,
    pause: Duration,
) -> std::io::Result<()> {
    for piece in data.chunks(piece_bytes) {
        tokio::time::sleep(pause).await;
        to_pod.write_all(piece).await?;
    }
    Ok(())
}
