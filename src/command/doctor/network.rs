//! Ports, STUN, TURN and the addresses advertised to peers. Runs on tokio.

use std::net::{IpAddr, SocketAddr, TcpListener};

use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{finding::Finding, udp};
use crate::{
    config::Config,
    system,
    turn::{self, Answer, ProbeError},
};

/// Ports, STUN, TURN and the addresses advertised to peers.
pub async fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![http_port(config.server.address())];
    let (range, sessions) = (config.media.udp_ports, config.session.sessions);
    let ports = spawn_blocking(move || udp::ports(range, sessions));
    let own = spawn_blocking(system::addresses);
    let (servers, source) = ice_servers(config.turn.clone()).await;
    findings.extend(source);
    let answers = ask(servers).await;
    findings.extend(answers.iter().map(|(url, answer)| server(url, answer)));
    findings.extend(ports.await.ok());
    let seen = answers.iter().find_map(|(_, answer)| match answer {
        Ok(Answer::Seen(address)) => Some(address.ip()),
        _ => None,
    });
    let relay = answers.iter().any(|(_, answer)| matches!(answer, Ok(Answer::Relayed(_))));
    let own = own.await.unwrap_or_default();
    let place = Place { own, seen, relay, container: system::is_container() };
    findings.push(advertised(&config.media.advertised, &place));
    findings
}

fn http_port(address: SocketAddr) -> Finding {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("http port", format!("{address} is free")),
        Err(error) => {
            let advice = match error.kind() {
                AddrInUse => format!(
                    "stop the process that has it (`ss -ltnp sport = :{}` names it) or choose another --port",
                    address.port()
                ),
                AddrNotAvailable => "set SCOPE_HOST to an address of this host, or to 0.0.0.0".to_owned(),
                PermissionDenied => "choose a port above 1023, or grant CAP_NET_BIND_SERVICE".to_owned(),
                _ => "choose another SCOPE_HOST and SCOPE_PORT".to_owned(),
            };
            Finding::fail("http port", format!("{address} cannot be used: {error}"), advice)
        }
    }
}

/// The servers that browsers would get, and whether the provider answered.
async fn ice_servers(settings: turn::Settings) -> (Vec<turn::IceServer>, Vec<Finding>) {
    let over = CancellationToken::new();
    let (service, task) = turn::Service::start(settings, over.clone()).await;
    let (servers, status) = (service.ice_servers(), service.status());
    over.cancel();
    task.await.ok(); // a panic in it is in the log; the servers are known
    let count: usize = servers.iter().map(|server| server.urls.len()).sum();
    let finding = match status.last_error {
        Some(error) => Finding::warn(
            "ice servers",
            error,
            "correct the provider's credentials, or let this host reach it",
        ),
        None => Finding::ok("ice servers", format!("{count}, source: {}", status.source)),
    };
    (servers, vec![finding])
}

/// Asks all servers at once; the answers are in the order of the list.
async fn ask(servers: Vec<turn::IceServer>) -> Vec<(String, Result<Answer, ProbeError>)> {
    let mut questions = JoinSet::new();
    for (index, (url, username, credential)) in servers.into_iter().flat_map(each_url).enumerate() {
        questions.spawn(async move {
            let answer = turn::probe(&url, &username, credential.expose()).await;
            (index, url, answer)
        });
    }
    let mut answers = questions.join_all().await;
    answers.sort_by_key(|(index, ..)| *index);
    answers.into_iter().map(|(_, url, answer)| (url, answer)).collect()
}

fn each_url(server: turn::IceServer) -> impl Iterator<Item = (String, String, turn::Secret)> {
    let (username, credential) = (server.username.unwrap_or_default(), server.credential.unwrap_or_default());
    server.urls.into_iter().map(move |url| (url, username.clone(), credential.clone()))
}

fn server(url: &str, answer: &Result<Answer, ProbeError>) -> Finding {
    let name = if url.to_ascii_lowercase().starts_with("turn") { "turn" } else { "stun" };
    let error = match answer {
        Ok(Answer::Seen(address)) => {
            return Finding::ok(name, format!("{url} answers; it sees this host as {}", address.ip()));
        }
        Ok(Answer::Relayed(address)) => return Finding::ok(name, format!("{url} relays through {address}")),
        Ok(Answer::Connected) => {
            return Finding::ok(
                name,
                format!("{url} accepts connections; TLS and credentials are not checked"),
            );
        }
        Err(error) => error,
    };
    let found = format!("{url}: {error}");
    let advice = match error {
        ProbeError::Credentials => {
            "correct the username and password; with SCOPE_TURN_SECRET, the secret and this host's clock"
        }
        ProbeError::Silent | ProbeError::Network(_) if name == "turn" => {
            "check that it runs and that no firewall blocks its port; ?transport=tcp may get through"
        }
        ProbeError::Silent | ProbeError::Network(_) => {
            "allow UDP to it, name another with SCOPE_STUN, or set SCOPE_OFFLINE=1 if none is needed"
        }
        ProbeError::Name { .. } => "correct the name, or this host's DNS (/etc/resolv.conf)",
        ProbeError::Url(_) => "correct the URL",
        ProbeError::Refused { .. } => "check the server's log: quota, allowed peers, realm",
        ProbeError::Nonsense => "check that this is the server's STUN port",
    };
    // Without STUN, peers on the same network still connect; a TURN server is configured because it is needed.
    if name == "turn" { Finding::fail(name, found, advice) } else { Finding::warn(name, found, advice) }
}

/// How this host is reached.
struct Place {
    own: Vec<IpAddr>,
    seen: Option<IpAddr>,
    relay: bool,
    container: bool,
}

fn advertised(advertised: &[IpAddr], place: &Place) -> Finding {
    const NAME: &str = "address";
    let list = |addresses: &[IpAddr]| addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    let outside = |address: &&IpAddr| !place.own.contains(address) && place.seen != Some(**address);
    if let Some(wrong) = advertised.iter().find(outside) {
        let found = match place.seen {
            Some(seen) => {
                format!("{wrong} is advertised but not an address of this host, which STUN sees as {seen}")
            }
            None if place.container => {
                return Finding::ok(
                    NAME,
                    format!("{} is advertised, outside this container", list(advertised)),
                );
            }
            None => format!("{wrong} is advertised but not an address of this host ({})", list(&place.own)),
        };
        return Finding::warn(NAME, found, "set SCOPE_ADVERTISED_ADDRESS to an address that peers can reach");
    }
    if !advertised.is_empty() {
        return Finding::ok(NAME, format!("{} is advertised", list(advertised)));
    }
    let behind_nat = place.seen.filter(|seen| !place.own.contains(seen));
    if place.container && !place.relay {
        let found = format!("in a container; peers are told {}", list(&place.own));
        let advice = "set SCOPE_ADVERTISED_ADDRESS to the host's address and publish SCOPE_UDP_PORTS, use \
                      --network host, or a TURN server";
        return Finding::warn(NAME, found, advice);
    }
    match behind_nat {
        Some(seen) => Finding::ok(NAME, format!("{} behind NAT, seen as {seen}", list(&place.own))),
        None if place.own.is_empty() => {
            Finding::fail(NAME, "this host has only loopback addresses", "connect it to a network")
        }
        None => Finding::ok(NAME, format!("peers are told {}", list(&place.own))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn place() -> Place {
        Place { own: vec![OWN], seen: Some(PUBLIC), relay: false, container: false }
    }

    #[test]
    fn an_advertised_address_is_this_hosts_or_the_one_that_stun_sees() {
        assert_eq!(advertised(&[OWN], &place()).status, Status::Ok);
        assert_eq!(advertised(&[PUBLIC], &place()).status, Status::Ok);
        let wrong = advertised(&[OTHER], &place());
        assert_eq!(wrong.status, Status::Warn);
        assert!(
            wrong.found.contains("203.0.113.9") && wrong.found.contains("203.0.113.7"),
            "{}",
            wrong.found
        );
        assert_eq!(advertised(&[OTHER], &Place { seen: None, ..place() }).status, Status::Warn);
    }

    #[test]
    fn a_container_needs_an_address_or_a_relay() {
        let container = || Place { container: true, ..place() };

        assert_eq!(advertised(&[], &container()).status, Status::Warn);
        assert_eq!(advertised(&[], &Place { relay: true, ..container() }).status, Status::Ok);
        assert_eq!(advertised(&[PUBLIC], &container()).status, Status::Ok);
        assert_eq!(advertised(&[OTHER], &Place { seen: None, ..container() }).status, Status::Ok);
        assert_eq!(advertised(&[], &place()).status, Status::Ok);
    }
}
