# docker build --tag scope .   See .docker/README.md for networks, TURN, GPUs and what is proven.
#
# Images are named with their digests; a test refuses one without, and dependabot moves them. The last stage fails where its
# release lacks a fix of src/system/fixes.txt, so another release needs a row there and other images in all three places.

FROM node:22.23.3-bookworm-slim@sha256:43ac6c60b8f89723f746e8a92ce91abd5017e627ce1ddfe4238355d3a30b772c AS ui
WORKDIR /scope/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY frontend ./
RUN npm run build

FROM rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS server
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
        libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /scope
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
COPY pipelines pipelines
# The target folder is a cache and not part of the layer: the binary is copied out of it. One folder for each release:
# their libraries differ.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/scope/target \
    . /etc/os-release \
 && cargo build --release --locked --bin scope --target-dir "target/$VERSION_CODENAME" \
 && install -D "target/$VERSION_CODENAME/release/scope" /out/scope

FROM debian:bookworm-20261005-slim@sha256:7c7b2c966bc9ee8cedfeef67e0e279108992c77681fa595db4a9d65c06ccc587 AS base

# What the shipped Python and ONNX pipelines import and load; a GPU's packages take their place here.
FROM base AS models
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=pipelines/requirements.txt,target=/tmp/requirements.txt \
    python3 -m venv /opt/scope \
 && /opt/scope/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
        --requirement /tmp/requirements.txt

FROM base
# One list for this image and for .docker/prove, which installs it without Docker. The upgrade brings the fixes that are
# newer than the image; the build ends here where Debian has none for a flaw that strangers can reach.
RUN --mount=type=bind,source=.docker/runtime-packages,target=/tmp/runtime-packages \
    --mount=type=bind,source=.docker/fixes,target=/tmp/fixes \
    --mount=type=bind,source=src/system/fixes.txt,target=/tmp/fixes.txt \
    apt-get update \
 && apt-get upgrade -y \
 && xargs --arg-file=/tmp/runtime-packages apt-get install -y --no-install-recommends \
 && /tmp/fixes /tmp/fixes.txt \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --shell /usr/sbin/nologin --uid 10001 --user-group --create-home --home-dir /var/lib/scope scope
COPY --from=server /out/scope /usr/bin/scope
COPY --from=ui /scope/frontend/dist /usr/share/scope/ui
COPY --from=models /opt/scope /opt/scope
COPY pipelines /usr/share/scope/pipelines
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/scope/

ENV SCOPE_UI_DIR=/usr/share/scope/ui \
    SCOPE_UDP_PORTS=50000-50100 \
    VIRTUAL_ENV=/opt/scope
# NVIDIA's runtime mounts its encoder and decoder libraries for `video` alone. For Intel and AMD
# (VA-API) give the container /dev/dri and the group that owns it on the host, `render`:
#   docker run --device /dev/dri --group-add "$(getent group render | cut -d: -f3)" …
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility,video

USER scope
WORKDIR /var/lib/scope
# 8000: page and API. The UDP ports carry media; they must be published under the same numbers.
EXPOSE 8000/tcp
EXPOSE 50000-50100/udp
STOPSIGNAL SIGTERM
# With --tls the port speaks HTTPS, with a certificate that need not name localhost.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD curl -fsS "http://127.0.0.1:${SCOPE_PORT:-8000}/health" || curl -fsSk "https://127.0.0.1:${SCOPE_PORT:-8000}/health"
ENTRYPOINT ["/usr/bin/scope"]
