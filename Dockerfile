# syntax=docker/dockerfile:1
# Lockgate's image as Docker builds it, for both architectures:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag registry.example.com/lockgate:0.1.0 --push .
# Without Docker: make image. Both have the same entrypoint, user and labels (hack/image/tests/dockerfile.rs).
ARG RUST_VERSION=1.95.0

# The compiler runs on the machine's own architecture, whatever it compiles for: emulation takes hours.
FROM --platform=$BUILDPLATFORM rust:${RUST_VERSION}-bookworm AS build
ARG TARGETARCH
WORKDIR /src
RUN case "$TARGETARCH" in \
      amd64) target=x86_64-unknown-linux-gnu; packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
      arm64) target=aarch64-unknown-linux-gnu; packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
      *) echo "no image is made for $TARGETARCH" >&2; exit 1 ;; \
    esac && \
    rustup target add "$target" && echo "$target" >/target-name && \
    if [ "$TARGETARCH" != "$(dpkg --print-architecture)" ]; then \
      apt-get update && apt-get install --yes --no-install-recommends $packages; \
    fi
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    LOCKGATE_CACHE=/cache
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/cache \
    --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    binary=$(hack/image/compile.sh "$(cat /target-name)") && \
    mkdir /out && cp "$binary" /out/lockgate && \
    cargo run --locked --package lockgate-image -- \
      licenses --binary "$binary" --sysroot "$(rustc --print sysroot)" --output /out/licenses

# glibc, its loader, certificates, a user `nonroot`; no shell. Its own licences are in /usr/share/doc.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="lockgate" \
      org.opencontainers.image.description="Holds a pipeline's Pods back until every Secret they need is in place" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /out/lockgate /lockgate
COPY --from=build /out/licenses /licenses
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/lockgate"]
