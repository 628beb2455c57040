#include "symbolize/dwarf/separate_file.h"

#include <fcntl.h>

#include <cstring>
#include <vector>

namespace pyleak::symbolize {
namespace {

constexpr char kDebugRoot[] = "/usr/lib/debug";
/// A build-id is 8, 16 or 20 bytes; of a shorter one no file name can be made.
constexpr std::size_t kMinBuildIdHex = 8;

/// The file name at the beginning of .gnu_debuglink; empty if there is none, or if it would lead to another directory.
std::string DebugLink(const ElfImage& image) {
  const auto section = image.FindSection(".gnu_debuglink");
  if (!section) return {};
  std::string name(section->bytes.size(), '\0');
  std::memcpy(name.data(), section->bytes.data(), name.size());
  name.resize(::strnlen(name.data(), name.size()));
  return name.find('/') == std::string::npos ? name : std::string();
}

std::vector<std::string> Candidates(const ElfImage& image, const std::string& build_id, const std::string& path) {
  std::vector<std::string> candidates;
  candidates.push_back(std::string(kDebugRoot) + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) +
                       ".debug");
  if (const std::string link = DebugLink(image); !link.empty()) {
    const std::string directory = path.substr(0, path.rfind('/') + 1);
    candidates.push_back(directory + link);
    candidates.push_back(directory + ".debug/" + link);
    candidates.push_back(kDebugRoot + directory + link);
  }
  return candidates;
}

}  // namespace

UniqueFd OpenSeparateDebugFile(const ElfImage& image, const std::string& path, const attach::TargetFiles& files) {
  const std::string build_id = image.build_id_hex();
  if (build_id.size() < kMinBuildIdHex) return {};
  for (const std::string& candidate : Candidates(image, build_id, path)) {
    auto file = files.Open(candidate);
    if (!file) continue;
    const auto other = ElfImage::Open(UniqueFd(::fcntl(file->get(), F_DUPFD_CLOEXEC, 0)));
    if (other && (*other)->build_id_hex() == build_id) return *std::move(file);
  }
  return {};
}

}  // namespace pyleak::symbolize
