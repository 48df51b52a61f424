//! Whether a server answers by UDP: it is asked, as by a client of STUN (RFC 8489), where the question came from.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

/// Questions until there is an answer: any of them may be lost.
const TRIES: u8 = 3;

/// The time for an answer. Lower: a slow network is taken for a closed one.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Returns whether a STUN server answers at this address. It takes two seconds where nothing does.
pub(super) fn answers(server: SocketAddr) -> bool {
    // Whatever the error is, there is no answer.
    (0..TRIES).any(|_| ask(server).unwrap_or(false))
}

fn ask(server: SocketAddr) -> io::Result<bool> {
    let any =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    socket.connect(server)?;
    let mut question = [0; 20];
    question[..2].copy_from_slice(&BINDING_REQUEST);
    question[4..8].copy_from_slice(&MAGIC_COOKIE);
    aws_lc_rs::rand::fill(&mut question[8..]).map_err(|_| io::Error::from(ErrorKind::Other))?;
    socket.send(&question)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    Ok(length >= 20 && answer[..2] == BINDING_SUCCESS && answer[4..20] == question[4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let asked = std::thread::spawn(move || {
            let mut question = [0; 512];
            for is_right in [false, true] {
                let (length, from) = server.recv_from(&mut question).unwrap();
                let mut answer = question[..length].to_vec();
                answer[0] = 1;
                answer[19] ^= u8::from(!is_right);
                server.send_to(&answer, from).unwrap();
            }
        });
        assert!(!ask(address).unwrap());
        assert!(answers(address));
        asked.join().unwrap();
        assert!(!answers(address), "nobody is there any more");
    }
}
