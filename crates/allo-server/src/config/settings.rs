//! The table of settings: flags, environment, `allo.toml`, help and example all come from it.

use super::{Config, value::Value};

/// One thing that can be set.
pub(super) struct Setting {
    /// Its name in `allo.toml`; `--` before it makes the flag, and `ALLO_` in capitals the variable.
    pub(super) key: &'static str,
    /// The group it is explained in.
    pub(super) heading: &'static str,
    /// What stands for its value in `--help`.
    pub(super) value_name: &'static str,
    /// What it does, in a sentence or two.
    pub(super) help: &'static str,
    /// How its value is written in TOML.
    pub(super) kind: Kind,
    /// Sets it from text, or says what would have been right.
    pub(super) set: fn(&mut Config, &[String]) -> Result<(), String>,
    /// Returns it as text.
    pub(super) show: fn(&Config) -> Vec<String>,
}

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// Texts. The flag may be given several times; the variable has commas between them.
    List,
}

impl Setting {
    /// Returns the name of the environment variable.
    pub(super) fn variable(&self) -> String {
        format!("ALLO_{}", self.key.to_ascii_uppercase().replace('-', "_"))
    }
}

macro_rules! one {
    ($key:literal, $value_name:literal, $heading:ident, $kind:ident, $($field:ident).+, $help:literal) => {
        Setting {
            key: $key,
            heading: $heading,
            value_name: $value_name,
            help: $help,
            kind: Kind::$kind,
            set: |config, texts| {
                let [text] = texts else { return Err("should be one value, not a list".to_owned()) };
                config.$($field).+ = Value::parse(text)?;
                Ok(())
            },
            show: |config| vec![config.$($field).+.show()],
        }
    };
}

macro_rules! many {
    ($key:literal, $value_name:literal, $heading:ident, $($field:ident).+, $help:literal) => {
        Setting {
            key: $key,
            heading: $heading,
            value_name: $value_name,
            help: $help,
            kind: Kind::List,
            set: |config, texts| {
                config.$($field).+ = texts.iter().map(|text| Value::parse(text)).collect::<Result<_, _>>()?;
                Ok(())
            },
            show: |config| config.$($field).+.iter().map(Value::show).collect(),
        }
    };
}

const NETWORK: &str = "Network";
const HTTPS: &str = "HTTPS";
const PROXY: &str = "Behind a proxy";
const CALLS: &str = "Calls";
const MEETINGS: &str = "Meetings";
const LOG: &str = "Log";
const VISITORS: &str = "Bounds for visitors";
const ROOMS: &str = "Bounds for rooms";

/// Every setting, in the order in which it is explained.
pub(super) const SETTINGS: &[Setting] = &[
    many!(
        "listen",
        "ADDRESS",
        NETWORK,
        listen,
        "Address to listen on; by default every one of this machine."
    ),
    one!(
        "port",
        "PORT",
        NETWORK,
        Number,
        port,
        "Port for everything. PORT in the environment is honoured too."
    ),
    one!(
        "data",
        "FOLDER",
        NETWORK,
        Text,
        data,
        "Folder for certificates, and for what is known of rooms that have an owner. Empty: $STATE_DIRECTORY, or else $XDG_DATA_HOME/allo, or else ~/.local/share/allo."
    ),
    one!(
        "tls",
        "MODE",
        HTTPS,
        Text,
        tls,
        "auto: files if they are given, or a certificate for domain if that is, or else one of this server's own authority. files: from files. off: a proxy in front speaks HTTPS."
    ),
    one!(
        "tls-cert",
        "FILE",
        HTTPS,
        Text,
        tls_cert,
        "Certificate chain, PEM. It is read again when it changes."
    ),
    one!(
        "tls-key",
        "FILE",
        HTTPS,
        Text,
        tls_key,
        "Private key of the certificate, PEM. Not readable for everyone."
    ),
    many!(
        "host-name",
        "NAME",
        HTTPS,
        host_names,
        "Another name or address of this server, for the certificate of its own authority."
    ),
    many!(
        "domain",
        "NAME",
        HTTPS,
        acme.domains,
        "Public name of this server, such as meet.example.org: a certificate for it is got from acme-directory and renewed, whose terms of service you agree to by this. Port 443 at this name has to lead here."
    ),
    one!(
        "acme-email",
        "ADDRESS",
        HTTPS,
        Text,
        acme.email,
        "Where the authority may write to, for instance when a certificate is withdrawn."
    ),
    one!(
        "acme-directory",
        "URL",
        HTTPS,
        Text,
        acme.directory,
        "The authority that is asked for the certificate of domain. Nobody is asked without a domain."
    ),
    one!(
        "acme-ca",
        "FILE",
        HTTPS,
        Text,
        acme.ca,
        "Certificate to trust acme-directory by, PEM, where it is a private one."
    ),
    one!(
        "http-port",
        "PORT",
        HTTPS,
        Text,
        http_port,
        "Port for plain HTTP, such as 80: it leads to HTTPS, and the authority asks there whether domain leads here. By default there is none, and it asks at port 443."
    ),
    many!(
        "trusted-proxy",
        "RANGE",
        PROXY,
        trusted_proxies,
        "Addresses of proxies whose X-Forwarded-For, X-Forwarded-Proto and Forwarded headers are believed."
    ),
    many!(
        "allowed-origin",
        "ORIGIN",
        PROXY,
        allowed_origins,
        "Another site whose pages may join calls on this server, such as https://intranet.example.org."
    ),
    many!(
        "ice-server",
        "SERVER",
        CALLS,
        rooms.ice_servers,
        "Server that helps browsers to find each other: \"stun:HOST:PORT\" or \"turn:HOST:PORT USER PASSWORD\". Other users of this machine can read the command line: keep a password in allo.toml."
    ),
    one!(
        "negotiation",
        "ALGORITHM",
        CALLS,
        Text,
        negotiation,
        "How two browsers agree on a connection: perfect (either side offers at any time) or simple (one side offers)."
    ),
    one!(
        "topology",
        "WAY",
        CALLS,
        Text,
        rooms.topology,
        "Which way sound and pictures take: auto (directly between two, through this server from the third person on), mesh (always directly) or sfu (always through this server). Who opens a room may choose otherwise."
    ),
    one!(
        "mesh-again",
        "TIME",
        CALLS,
        Text,
        rooms.mesh_again,
        "How long two have to be alone before they are connected directly again."
    ),
    one!(
        "media-workers",
        "NUMBER",
        CALLS,
        Text,
        media.workers,
        "Threads that carry sound and pictures, by UDP on the port of everything else. auto: one for each core. 0: none; then more than two connect to each other directly, too."
    ),
    many!(
        "media-listen",
        "ADDRESS",
        CALLS,
        media.listen,
        "Address to receive sound and pictures at; by default those of listen. Behind a proxy on the same machine: 0.0.0.0 and ::, since no proxy passes them on."
    ),
    many!(
        "public-address",
        "ADDRESS",
        CALLS,
        media.public_addresses,
        "Address under which this machine is known outside, if it is not one of its own: behind NAT, or in a container. ADDRESS:PORT if UDP arrives at another port there."
    ),
    one!(
        "opening-password",
        "PASSWORD",
        MEETINGS,
        Text,
        rooms.opening.password,
        "Password that it takes to open a room; whoever is invited needs none. Empty, and nothing in opening: everyone may open rooms. Other users of this machine can read the command line: keep it in allo.toml."
    ),
    many!(
        "opening",
        "WAY",
        MEETINGS,
        rooms.opening.credentials,
        "What else it takes to open a room, in place of opening-password: token (an access token for the room), login (having signed in at oidc-issuer)."
    ),
    many!(
        "token-key",
        "KEY",
        MEETINGS,
        token_keys,
        "Key by which access tokens (JWT) are believed: \"HS256 FILE\" with a secret of at least 32 bytes, \"RS256 FILE\" or \"EdDSA FILE\" with a public key in PEM. Without a key, none are taken."
    ),
    one!(
        "token-audience",
        "NAME",
        MEETINGS,
        Text,
        token_audience,
        "Name of this server that has to stand in access tokens, as aud. Empty: the first domain."
    ),
    one!(
        "token-required",
        "ON|OFF",
        MEETINGS,
        Text,
        rooms.token_required,
        "Whether nobody comes into a room without an access token for it, but those who were let in before."
    ),
    one!(
        "oidc-issuer",
        "URL",
        MEETINGS,
        Text,
        oidc.issuer,
        "Provider at which people may sign in (OpenID Connect), such as https://login.example.org. It sends them back to /login/done. Empty: nobody is asked."
    ),
    one!(
        "oidc-client-id",
        "NAME",
        MEETINGS,
        Text,
        oidc.client_id,
        "Name that the provider has given to this server."
    ),
    one!(
        "oidc-client-secret",
        "FILE",
        MEETINGS,
        Text,
        oidc.client_secret,
        "File with the secret that the provider has given to this server, if it has."
    ),
    one!(
        "oidc-ca",
        "FILE",
        MEETINGS,
        Text,
        oidc.ca,
        "Certificate to trust oidc-issuer by, PEM, where it has one of a private authority."
    ),
    one!(
        "lobby",
        "ON|OFF",
        MEETINGS,
        Text,
        rooms.lobby,
        "Whether people wait to be admitted to a room that has an owner, until its moderators say otherwise."
    ),
    one!(
        "chat-history",
        "ON|OFF",
        MEETINGS,
        Text,
        rooms.chat_history,
        "Whether those who come later are told what was written before, which is kept in memory as long as somebody is in the room."
    ),
    one!(
        "log",
        "LEVEL",
        LOG,
        Text,
        log,
        "error, warn, info, debug or trace; or by part, such as info,allo_room=debug. Addresses are logged at debug only."
    ),
    one!(
        "connections-per-address",
        "NUMBER",
        VISITORS,
        Number,
        bounds.connections_per_address,
        "WebSockets from one address, and four times as many others. Beyond: refused with 429, or closed."
    ),
    one!(
        "connections-per-network",
        "NUMBER",
        VISITORS,
        Number,
        bounds.connections_per_network,
        "The same from one network, /24 or /64."
    ),
    one!(
        "connections",
        "NUMBER",
        VISITORS,
        Number,
        bounds.connections,
        "The same from everywhere. Beyond: refused with 503, or closed."
    ),
    one!(
        "request-timeout",
        "TIME",
        VISITORS,
        Text,
        bounds.request_timeout,
        "Time for a TLS handshake, and for the head of a request. Beyond: closed."
    ),
    one!(
        "message-bytes",
        "BYTES",
        VISITORS,
        Number,
        rooms.message_bytes,
        "Longest message of a client. Beyond: closed with 1009."
    ),
    one!(
        "messages-per-second",
        "NUMBER",
        VISITORS,
        Number,
        rooms.messages_per_second,
        "Messages a second from one client, for long."
    ),
    one!(
        "message-burst",
        "NUMBER",
        VISITORS,
        Number,
        rooms.message_burst,
        "Messages from one client at once. Beyond: closed with 4429."
    ),
    one!(
        "outbox-messages",
        "NUMBER",
        VISITORS,
        Number,
        bounds.outbox_messages,
        "Messages waiting for a client that does not read. Beyond: closed with 4413."
    ),
    one!(
        "outbox-bytes",
        "BYTES",
        VISITORS,
        Number,
        bounds.outbox_bytes,
        "Bytes waiting for a client that does not read. Beyond: closed with 4413."
    ),
    one!(
        "join-timeout",
        "TIME",
        VISITORS,
        Text,
        rooms.join_timeout,
        "Time to join a room in. Beyond: closed with 4408."
    ),
    one!("ping-interval", "TIME", VISITORS, Text, rooms.ping_interval, "Time between two pings."),
    one!(
        "missed-pongs",
        "NUMBER",
        VISITORS,
        Number,
        rooms.missed_pongs,
        "Pings left unanswered. Beyond: closed with 4408."
    ),
    one!(
        "lease",
        "TIME",
        ROOMS,
        Text,
        rooms.lease,
        "How long a participant whose connection is lost is kept; longer, while media come from them through the server, up to 15 s after the last."
    ),
    one!(
        "reload-lease",
        "TIME",
        ROOMS,
        Text,
        rooms.reload_lease,
        "The same for one whose page said that it was being closed: enough for a reload."
    ),
    one!(
        "vouch-lease",
        "TIME",
        ROOMS,
        Text,
        rooms.vouch_lease,
        "How long one word of another participant, who still hears from them, keeps them. It comes every 4 s."
    ),
    one!(
        "vouch-lease-max",
        "TIME",
        ROOMS,
        Text,
        rooms.vouch_lease_max,
        "How long such words keep them in a row. Beyond: gone, even if they are still heard."
    ),
    one!(
        "participants-per-room",
        "NUMBER",
        ROOMS,
        Number,
        rooms.participants_per_room,
        "Participants in one room. Beyond: refused."
    ),
    one!(
        "participants-per-mesh",
        "NUMBER",
        ROOMS,
        Number,
        rooms.participants_per_mesh,
        "The same where everyone sends to everyone: media cannot go through this server, or the room is a mesh by choice."
    ),
    one!(
        "participants",
        "NUMBER",
        ROOMS,
        Number,
        media.participants,
        "Participants whose sound and pictures go through this server. Beyond: refused."
    ),
    one!(
        "bitrate-per-publisher",
        "KBITS",
        ROOMS,
        Number,
        media.bitrate_per_publisher,
        "What one participant may send through this server, in kbit/s. Beyond: dropped."
    ),
    one!(
        "file-bytes",
        "BYTES",
        ROOMS,
        Number,
        rooms.file_bytes,
        "Largest file that one participant may send to others through this server, which keeps nothing of it. 0: none. Beyond: refused."
    ),
    one!(
        "bitrate-per-file",
        "KBITS",
        ROOMS,
        Number,
        media.bitrate_per_file,
        "What one file may take on its way, to each who receives it, in kbit/s. Beyond: it takes longer. Where sound or pictures would suffer, files take less."
    ),
    one!(
        "owned-rooms",
        "NUMBER",
        ROOMS,
        Number,
        rooms.records,
        "Rooms with an owner that are kept in mind, in data, while nobody is in them. Beyond: the one left first is forgotten."
    ),
    one!("rooms", "NUMBER", ROOMS, Number, rooms.rooms, "Rooms at a time. Beyond: refused."),
    one!(
        "rooms-per-address",
        "NUMBER",
        ROOMS,
        Number,
        rooms.rooms_per_address,
        "Rooms at a time that were opened from one address. Beyond: refused."
    ),
    one!(
        "room-name-bytes",
        "BYTES",
        ROOMS,
        Number,
        rooms.room_name_bytes,
        "Longest name of a room. Beyond: refused."
    ),
    one!(
        "display-name-graphemes",
        "NUMBER",
        ROOMS,
        Number,
        rooms.display_name_graphemes,
        "Longest name of a person, in characters as people count them. Beyond: cut."
    ),
];
