/// What the dynamic linker of the target has in memory: the list of modules, their dynamic sections, hash tables and
/// relocations; an agent that a forged process may pretend to have; and code to look for gadgets in.
#include "attach/agent/protocol.h"
#include "attach/inject/agent_owner.h"
#include "attach/inject/gadgets.h"
#include "attach/inject/loaded_modules.h"
#include "attach/inject/placed_agent.h"
#include "tests/fuzz/recorded_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pyleak;
  static constexpr std::array<std::string_view, PYLEAK_FUNCTION_COUNT> kNames = {PYLEAK_FUNCTION_NAMES};
  fuzz::Input input(data, size);
  attach::AuxiliaryVector auxiliary;
  auxiliary.program_headers = RemoteAddress(input.Number<std::uint64_t>());
  auxiliary.program_header_count = input.Number<std::uint8_t>();
  auxiliary.vdso = RemoteAddress(input.Number<std::uint64_t>());
  const auto map = attach::MemoryMap::Parse(fuzz::Input::TextOf(input.Bytes(input.Number<std::uint16_t>())));
  const fuzz::RecordedMemory memory(input);

  const auto modules = attach::LoadedModules::Parse(auxiliary, memory, map);
  if (modules) {
    for (const std::string_view name : kNames) (void)modules->FindDefinition(name);
    for (const attach::DynamicModule& module : modules->modules()) (void)module.FindImports(kNames);
    (void)modules->FindClock();
  }
  (void)attach::ModuleListWatch::Over(auxiliary, memory).Fingerprint(memory);
  for (const attach::PlacedAgent& agent : attach::PlacedAgent::FindAll(memory, map)) {
    fuzz::Check(agent.range().Contains(agent.context()));
    (void)agent.ReadContext(memory);
    (void)agent.Arenas(map);
  }
  (void)attach::CheckUnwatched(memory, map);
  (void)attach::LocateGadgets(memory, map);
  return 0;
}
