# PostgreSQL with neon_s3, on the official image.
#
#   docker build -t postgres-neon-s3 --build-arg PG_MAJOR=17 .
#   docker run -e POSTGRES_PASSWORD=secret -e AWS_ACCESS_KEY_ID=... -e AWS_SECRET_ACCESS_KEY=... \
#     postgres-neon-s3 -c neon_s3.region=eu-central-1 -c neon_s3.bucket=my-bucket
#
# Not run by the project's tests, which have no container registry: packaging.t checks what can be checked
# without one (see docs/packages.md).
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR}-trixie AS build
ARG PG_MAJOR
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      g++ libcurl4-openssl-dev libpugixml-dev libssl-dev libzstd-dev zlib1g-dev make nlohmann-json3-dev "postgresql-server-dev-${PG_MAJOR}" \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile neon_s3.control ./
COPY sql/ sql/
COPY src/ src/
RUN make -j"$(nproc)" PG_CONFIG="/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config" \
 && make install DESTDIR=/out PG_CONFIG="/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config"

FROM postgres:${PG_MAJOR}-trixie
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libcurl4t64 libpugixml1v5 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/usr/ /usr/
# The server loads it before anybody asks, so that secrets among its settings never show.
CMD ["postgres", "-c", "shared_preload_libraries=neon_s3"]
