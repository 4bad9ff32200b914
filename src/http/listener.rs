//! The socket that is listened on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections the kernel holds until they are accepted.
const BACKLOG: i32 = 128;

/// A request is a line and a few headers; what the kernel buffers of one counts as this process's memory.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// Listens on `address`; on both IPv4 and IPv6 when it is `[::]`, and on IPv4 alone where the node has no IPv6.
///
/// # Errors
/// When the address can't be listened on.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match socket(address) {
        Err(_) if is_both_families(address) => socket(ipv4(address)).and_then(|socket| bind(socket, ipv4(address))),
        socket => bind(socket?, address),
    }
}

/// Whether the node has no IPv6, although `asked` wants it.
pub(super) fn fell_back(asked: SocketAddr, listener: &TcpListener) -> bool {
    is_both_families(asked) && listener.local_addr().is_ok_and(|address| address.is_ipv4())
}

fn is_both_families(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn ipv4(address: SocketAddr) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, address.port()).into()
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if is_both_families(address) {
        // The node's default (net.ipv6.bindv6only) may be another.
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

fn bind(socket: Socket, address: SocketAddr) -> io::Result<TcpListener> {
    // A process that comes back doesn't wait for the connections of the one before.
    socket.set_reuse_address(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
