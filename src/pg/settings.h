// The values of the settings neon_s3.*, which guc.cpp defines.
#pragma once

#include <cstdint>

namespace neon_s3 {

// Owned by PostgreSQL's settings machinery. The texts were valid UTF-8 or ASCII when they were set,
// and are never null.
struct Settings {
  char* region;
  char* bucket;
  char* endpoint;
  char* public_endpoint;
  char* public_url_base;
  bool log_urls;
  char* files_table;
  char* server;
  char* credential_providers;
  char* credentials_file;
  char* profile;
  char* addressing_style;
  // The static credentials; empty: not set.
  char* access_key_id;
  char* secret_access_key;
  char* session_token;
  bool region_is_set;  // by anybody, to any value
  bool addressing_style_is_set;
  bool is_preloaded;   // by shared_preload_libraries
  int expires_in;      // seconds
  int max_expires_in;  // seconds

  int delete_delay;  // seconds
  char* lifecycle_id;
  char* worker_database;  // several, as identifiers with commas between them
  int worker_interval;    // seconds

  // Of requests to S3.
  int connect_timeout;  // milliseconds
  int request_timeout;  // milliseconds
  int max_attempts;
  int max_response_size;  // bytes
  char* ca_file;
  bool allow_http;
  char* allowed_hosts;
  char* http_proxy;  // with its password
};

const Settings& CurrentSettings();

// Another number, never 0, once one of the settings has changed that say where, or with whose
// credentials. (expires_in and max_expires_in do not.)
std::uint64_t SettingsGeneration();

}  // namespace neon_s3
