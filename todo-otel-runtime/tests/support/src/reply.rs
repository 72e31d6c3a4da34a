//! What the receiver answers.

use bytes::Bytes;
use prost::Message;
use std::time::Duration;

/// One scripted answer. The default is a plain success over either transport.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    pub(crate) grpc_status: u32,
    pub(crate) grpc_message: String,
    pub(crate) grpc_details: Option<Vec<u8>>,
}

/// Same wire form as the three `Export*PartialSuccess` messages, wrapped as in `Export*ServiceResponse`.
#[derive(Clone, PartialEq, Message)]
struct PartialResponse {
    #[prost(message, optional, tag = "1")]
    partial: Option<Partial>,
}

#[derive(Clone, PartialEq, Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    message: String,
}

/// `google.rpc.Status` with `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<ProtoDuration>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Reply {
    /// Success.
    pub fn ok() -> Reply {
        Reply::status(200)
    }

    /// An HTTP status; over gRPC the same status before any gRPC answer, as from a proxy in between.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
            grpc_status: 0,
            grpc_message: String::new(),
            grpc_details: None,
        }
    }

    /// A gRPC status code in the trailers of an HTTP 200.
    pub fn grpc(code: u32) -> Reply {
        Reply { grpc_status: code, grpc_message: format!("scripted {code}"), ..Reply::ok() }
    }

    /// 200 with a web page: what a captive portal or a wrong port says.
    pub fn html() -> Reply {
        Reply::ok().header("content-type", "text/html; charset=utf-8").body("<html>log in</html>")
    }

    /// Success that rejects some items.
    pub fn partial(rejected: i64, message: &str) -> Reply {
        let partial = Partial { rejected, message: message.to_owned() };
        Reply::ok().body(PartialResponse { partial: Some(partial) }.encode_to_vec())
    }

    /// Adds a header; may be called with the same name again.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Reply {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Replaces the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Reply {
        self.body = body.into();
        self
    }

    /// Waits before answering.
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Adds `google.rpc.RetryInfo` to a gRPC status.
    pub fn retry_info(mut self, delay: Duration) -> Reply {
        let delay = ProtoDuration { seconds: delay.as_secs() as i64, nanos: delay.subsec_nanos() as i32 };
        let status = RpcStatus {
            code: self.grpc_status as i32,
            message: self.grpc_message.clone(),
            details: vec![Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: RetryInfo { delay: Some(delay) }.encode_to_vec(),
            }],
        };
        self.grpc_details = Some(status.encode_to_vec());
        self
    }

    pub(crate) fn accepts(&self) -> bool {
        (200..300).contains(&self.status) && self.grpc_status == 0
    }
}
