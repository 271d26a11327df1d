// The background worker that confirms uploads and empties outboxes.
#pragma once

namespace neon_s3 {

// While shared_preload_libraries are loaded, after the settings are defined.
void RegisterWorker();

}  // namespace neon_s3
