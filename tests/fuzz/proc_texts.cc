/// The texts of /proc, as a process may make them look by its names, its numbers and its mappings.
#include "attach/inject/loaded_modules.h"
#include "attach/proc/file_rights.h"
#include "attach/proc/maps.h"
#include "attach/proc/process_tree.h"
#include "attach/proc/socket_address.h"
#include "attach/proc/stat.h"
#include "attach/proc/thread_status.h"
#include "attach/trace/last_run.h"
#include "attach/trace/thread_look.h"
#include "attach/trace/thread_meter.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  const std::string text = fuzz::Input::TextOf(fuzz::Input(data, size).rest());
  const auto map = attach::MemoryMap::Parse(text);
  RemoteAddress latest;
  for (const attach::Mapping& mapping : map.mappings()) {
    fuzz::Check(latest <= mapping.range.begin && mapping.range.begin <= mapping.range.end);
    latest = mapping.range.begin;
    (void)map.Find(mapping.range.end);
  }
  (void)attach::ParseStat(text);
  (void)attach::ParseFileRights(text);
  (void)attach::ParseThreadStatus(text);
  (void)attach::ParseThreadActivity(text);
  (void)attach::ParseExecutionStart(text);
  (void)attach::ParseSchedstat(text);
  (void)attach::FindTcpPeer(text, 1);
  (void)attach::AddressText(std::as_bytes(std::span(text)));
  (void)attach::ParseChildren(text);
  (void)attach::ParseAuxiliaryVector(text);
  return 0;
}
