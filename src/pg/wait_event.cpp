#include "pg/wait_event.h"

#include "pg/compat.h"

namespace neon_s3 {
namespace {

uint32 number = PG_WAIT_EXTENSION;

}  // namespace

void NameWaitEvent() {
  if (number == PG_WAIT_EXTENSION) number = NewWaitEvent("NeonS3");
}

WaitEvent::WaitEvent() : outer_(*my_wait_event_info) { pgstat_report_wait_start(number); }

WaitEvent::~WaitEvent() { pgstat_report_wait_start(outer_); }

}  // namespace neon_s3
