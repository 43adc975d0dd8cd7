//! A body whose size is told once it is over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use hyper::body::{Frame, SizeHint};
use metrics::Histogram;

/// A body that notes its bytes when it is dropped, however much of it was read.
struct Measured {
    body: Body,
    bytes: u64,
    sizes: Histogram,
}

/// Has the size of `body` noted in `sizes`.
pub(super) fn measured(body: Body, sizes: Histogram) -> Body {
    Body::new(Measured { body, bytes: 0, sizes })
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
        self.sizes.record(self.bytes as f64);
    }
}
