#include "cli/option_table.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace pyleak::cli {
namespace {

/// Help as strace prints it: short name, long names, what it takes; beside it what it does.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(34); }
  std::string make_usage(const CLI::App*, std::string) const override { return ""; }
  std::string make_positionals(const CLI::App*) const override { return ""; }
  std::string make_option_name(const CLI::Option* option, bool) const override {
    std::string names = option->get_snames().empty() ? "    " : "";
    for (const auto& name : option->get_snames()) names += "-" + name + ", ";
    for (const auto& name : option->get_lnames()) names += "--" + name + ", ";
    return names.substr(0, names.size() - 2);
  }
};

/// "--output=", whose value CLI11 would take from the next argument.
bool HasEmptyValue(const std::string& argument) {
  return argument.starts_with("--") && argument.find('=') == argument.size() - 1;
}

}  // namespace

struct OptionTable::Parser {
  CLI::App app;
};

OptionTable::OptionTable(std::string command, const char* usage, const char* examples)
    : command_(std::move(command)), parser_(new Parser{CLI::App(usage)}) {
  parser_->app.formatter(std::make_shared<HelpFormatter>());
  parser_->app.footer(examples);
  parser_->app.set_help_flag("-h,--help", "Show this help and exit");
}

OptionTable::~OptionTable() = default;

void OptionTable::BeginGroup(const std::string& title) { parser_->app.option_defaults()->group(title); }

void OptionTable::Add(const std::string& names, const std::string& takes, const std::string& help,
                      const std::string& hint, const Take& take, Repeated repeated) {
  const std::string name = names.substr(names.rfind(',') + 1);
  const auto take_all = [this, name, hint, take](const Arguments& values) {
    for (const auto& value : values) {
      if (auto taken = take(value); !taken && !mistake_) mistake_ = Mistake{name + ": " + taken.error().what, hint};
    }
  };
  parser_->app.add_option_function<Arguments>(names, take_all, help)
      ->option_text(takes)
      ->type_name(takes)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(repeated == Repeated::kEachCounts ? CLI::MultiOptionPolicy::TakeAll
                                                              : CLI::MultiOptionPolicy::TakeLast);
}

void OptionTable::AddFlag(const std::string& names, bool& value, const std::string& help) {
  parser_->app.add_flag(names, value, help)->take_last()->disable_flag_override();
}

OptionTable::Outcome OptionTable::Parse(Arguments arguments) {
  const std::string hint = "`pyleak " + command_ + " --help` lists what it takes";
  const auto empty = std::find_if(arguments.begin(), arguments.end(), HasEmptyValue);
  if (empty != arguments.end()) return Mistake{*empty + ": the value is empty", hint};
  std::reverse(arguments.begin(), arguments.end());  // as App::parse(vector) wants them
  try {
    parser_->app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    // CLI11 puts one blank line too many before each group.
    return Help{CLI::detail::find_and_replace(parser_->app.help(), "\n\n\n", "\n\n")};
  } catch (const CLI::ExtrasError&) {
    return Mistake{"\"" + parser_->app.remaining().front() + "\" means nothing here", hint};
  } catch (const CLI::ParseError& error) {
    return Mistake{error.what(), hint};
  }
  if (mistake_) return *mistake_;
  return Done{};
}

std::size_t OptionTable::OptionsEnd(const Arguments& arguments) const {
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].size() > 1 && arguments[at][0] == '-' && arguments[at] != "--") {
    // Null for "-oFILE" and "--output=FILE", which carry their value with them.
    const CLI::Option* option = parser_->app.get_option_no_throw(arguments[at]);
    at += option != nullptr && option->get_items_expected_min() > 0 ? 2 : 1;
  }
  return std::min(at, arguments.size());
}

}  // namespace pyleak::cli
