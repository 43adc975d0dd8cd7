# syntax=docker/dockerfile:1
# One image with both programs: callboard-api (the default) and callboard-worker.
# Migrations and templates are in the programs.

# --- The dependencies, a layer that only a change of manifests or lock file makes again
FROM rust:1.95-bookworm AS dependencies
WORKDIR /src
# .sqlx describes the queries, so no database is needed here.
ENV SQLX_OFFLINE=true CARGO_INCREMENTAL=0
COPY Cargo.toml Cargo.lock ./
COPY api/Cargo.toml api/
COPY bench/Cargo.toml bench/
COPY queue/Cargo.toml queue/
COPY shared/Cargo.toml shared/
COPY tests/Cargo.toml tests/
COPY worker/Cargo.toml worker/
RUN for member in api bench queue shared tests worker; do \
        mkdir -p "$member/src" && touch "$member/src/lib.rs"; \
    done && \
    for member in api worker; do echo 'fn main() {}' >"$member/src/main.rs"; done
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo build --locked --release -p callboard-api -p callboard-worker

# --- The programs
FROM dependencies AS build
COPY .sqlx .sqlx
COPY migrations migrations
COPY queue queue
COPY shared shared
COPY api api
COPY worker worker
# Checked-out files may be older than the stand-ins that were just compiled.
RUN find api queue shared worker -name '*.rs' -exec touch {} +
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo build --locked --release -p callboard-api -p callboard-worker && \
    mkdir /out && \
    cp target/release/callboard-api target/release/callboard-worker /out/

# --- The image: glibc, CA certificates and time zones of the same Debian as above,
# and nothing else. No shell, so that nobody gets one; debian-slim alone would be
# larger than this image may be, and musl's allocator is slow with many threads.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/ /usr/local/bin/
# A number, so that Kubernetes can tell that it isn't root.
USER 65532:65532
ENV APP_ENV=production HOST=0.0.0.0 METRICS_HOST=0.0.0.0
EXPOSE 8000 9100 9101
# A container of the worker names its own: callboard-worker healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["callboard-api", "healthcheck"]
CMD ["callboard-api", "serve"]
