#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "attach/base/result.h"

namespace pyleak::cli {

/// An option that is given more than once: its last value counts, or each of them.
enum class Repeated { kLastCounts, kEachCounts };

/// The options of one command: their names, their help, and where their values go.
class OptionTable {
 public:
  using Arguments = std::vector<std::string>;
  /// Takes a value, or says why it cannot be meant.
  using Take = std::function<Result<void>(const std::string& value)>;

  /// Nothing was wrong; the values have been taken.
  struct Done {};
  struct Help {
    std::string text;
  };
  struct Mistake {
    std::string what;
    std::string hint;
  };
  using Outcome = std::variant<Done, Help, Mistake>;

  /// `usage` and `examples` stand before and behind the list of options in the help.
  OptionTable(std::string command, const char* usage, const char* examples);
  ~OptionTable();

  /// A title in the help for the options that follow.
  void BeginGroup(const std::string& title);

  /// `names`: "-o,--output", or a bare word for an argument that is no option. `takes`: what stands for the value in
  /// the help. `hint`: what to do when `take` refuses a value.
  void Add(const std::string& names, const std::string& takes, const std::string& help, const std::string& hint,
           const Take& take, Repeated repeated = Repeated::kLastCounts);

  /// Of a flag and its opposite ("--x,!--no-x") the last one counts.
  void AddFlag(const std::string& names, bool& value, const std::string& help);

  Outcome Parse(Arguments arguments);

  /// The index of the first argument that is neither an option nor an option's value; "--" is no option.
  [[nodiscard]] std::size_t OptionsEnd(const Arguments& arguments) const;

 private:
  struct Parser;

  std::string command_;
  std::unique_ptr<Parser> parser_;
  std::optional<Mistake> mistake_;  ///< The first value that was refused.
};

}  // namespace pyleak::cli
