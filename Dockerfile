# syntax=docker/dockerfile:1
FROM node:20-bookworm-slim AS pages
WORKDIR /src/web-client
COPY web-client/package.json web-client/package-lock.json web-client/.npmrc ./
RUN npm ci
COPY web-client/ ./
COPY openapi/ ../openapi/
RUN npm run build

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=pages /src/web-client/dist web-client/dist
RUN cargo build --release --locked -p weir

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/weir --create-home weir \
    && install -d -o weir -g weir -m 0700 /var/lib/weir-pages
COPY --from=build /src/target/release/weir /usr/local/bin/weir
USER weir
ENV WEIR_LISTEN=0.0.0.0:8080 WEIR_DATA_DIR=/var/lib/weir
VOLUME /var/lib/weir
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["weir"]
CMD ["serve"]
