# The image of the operator: one static binary and the root certificates, on nothing else.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag IMAGE --push .
#
# `cargo xtask image` makes the same without pulling an image: it brings the result of the stage "build" itself.

# Each platform's binary is built on the machine's own platform: no emulation.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/image/requirements.txt /tmp/
RUN python3 -m venv /opt/zig && /opt/zig/bin/pip install --quiet --requirement /tmp/requirements.txt
ENV PATH=/opt/zig/bin:$PATH
WORKDIR /source
COPY . .
ARG TARGETARCH
RUN case "$TARGETARCH" in \
      amd64) target=x86_64-unknown-linux-musl ;; \
      arm64) target=aarch64-unknown-linux-musl ;; \
      *) echo "no image for $TARGETARCH: amd64 and arm64 are built" >&2; exit 1 ;; \
    esac \
    && rustup target add "$target" \
    && cargo zigbuild --locked --release --target "$target" --bin audit-mitigation-operator \
    && mkdir -p /rootfs/etc/ssl/certs \
    && cp "target/$target/release/audit-mitigation-operator" /rootfs/ \
    && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/
FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="audit-mitigation-operator" \
      org.opencontainers.image.description="Kubernetes operator for AWS IoT Device Defender audit mitigation actions tasks" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /rootfs/ /
# Numeric, so that Kubernetes can tell that it isn't root; there is no /etc/passwd.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/audit-mitigation-operator"]
CMD ["run"]
