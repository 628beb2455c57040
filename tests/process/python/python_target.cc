#include "tests/process/python/python_target.h"

namespace pyleak::tests {
namespace {

using nlohmann::json;

json ToJson(const std::optional<int>& number) { return number ? json(*number) : json(); }

}  // namespace

PythonTarget::PythonTarget(const std::string& python, const std::string& situation, const std::string& script)
    : program_({python, PYLEAK_PYTHON_TARGETS "/" + script, situation, PYLEAK_TARGETS}) {
  tid_ = std::stoi(program_.ReadLine().substr(std::string("ready ").size()));
  identity_ = *attach::ProcessIdentity::Open(pid());
  memory_ = *attach::ProcessMemory::Open(*identity_);
  modules_ = *symbolize::ModuleMap::Read(*identity_, *memory_);
  look_ = *attach::ThreadLook::Open({pid(), tid_});
}

symbolize::python::Interpreter PythonTarget::FindInterpreter() const {
  return symbolize::python::Interpreter::Find(*modules_, *memory_)->value();
}

nlohmann::json PythonTarget::Ask(const std::string& question) {
  program_.WriteLine(question);
  return nlohmann::json::parse(program_.ReadLine());
}

symbolize::python::RawPythonStack PythonTarget::Capture(symbolize::python::Interpreter& interpreter,
                                                        const attach::MemoryReader& memory,
                                                        const symbolize::Redaction* locals) {
  return Hold([&](const attach::FrozenThread& thread) {
    return interpreter.Capture(memory, tid_, thread.registers().thread_pointer, locals);
  });
}

json InOwnForm(const symbolize::Stack& stack) {
  json frames = json::array();
  for (const symbolize::Frame& frame : stack.frames) {
    if (frame.language != symbolize::Language::kPython) continue;
    frames.push_back(
        {{"filename", frame.filename},
         {"name", frame.name},
         {"lineno", ToJson(frame.lineno)},
         {"line", frame.line ? json(*frame.line) : json()},
         {"position", {ToJson(frame.lineno), ToJson(frame.end_lineno), ToJson(frame.colno), ToJson(frame.end_colno)}}});
  }
  return frames;
}

}  // namespace pyleak::tests
