#include "pg/wait_event.h"

#include "pg/pg.h"

extern "C" {
#include "utils/wait_event.h"
}

namespace neon_s3 {
namespace {

uint32 number = PG_WAIT_EXTENSION;

}  // namespace

void NameWaitEvent() {
#if PG_VERSION_NUM >= 170000
  if (number == PG_WAIT_EXTENSION) number = WaitEventExtensionNew("NeonS3");
#endif
}

WaitEvent::WaitEvent() : outer_(*my_wait_event_info) { pgstat_report_wait_start(number); }

WaitEvent::~WaitEvent() { pgstat_report_wait_start(outer_); }

}  // namespace neon_s3
