#include "symbolize/python/object_text.h"

#include <algorithm>
#include <span>
#include <utility>

#include "symbolize/python/attributes.h"
#include "symbolize/python/literal.h"

namespace pyleak::symbolize::python {
namespace {

constexpr std::size_t kMaxItems = 10;
constexpr std::size_t kMaxCharacters = 100;
constexpr int kMaxDepth = 3;
/// After so much text no further items are added.
constexpr std::size_t kMaxTextBytes = 300;
/// Of 30 bits: 144 decimal digits.
constexpr std::size_t kMaxIntegerDigits = 16;

const std::string kUnknown = "...";

std::optional<std::string> Quoted(const std::optional<std::string>& text) {
  return text ? std::optional(TextLiteral(*text)) : std::nullopt;
}

}  // namespace

std::string ObjectText::Of(RemoteAddress object) {
  text_.clear();
  Add(object, 0);
  return std::move(text_);
}

void ObjectText::Add(RemoteAddress object, int depth) {
  const auto type = reader_.Type(object);
  if (!type) {
    text_ += kUnknown;
    return;
  }
  const bool derived = !type->exact && type->kind != ObjectKind::kOther && type->kind != ObjectKind::kException &&
                       type->kind != ObjectKind::kType;
  if (derived) text_ += type->name + "(";
  AddObject(object, *type, depth);
  if (derived) text_ += ")";
}

void ObjectText::AddObject(RemoteAddress object, const ObjectType& type, int depth) {
  const ObjectLayout& layout = reader_.layout().objects;
  switch (type.kind) {
    case ObjectKind::kNone:
      text_ += "None";
      return;
    case ObjectKind::kInteger:
    case ObjectKind::kBoolean:
      return AddInteger(object, type.kind == ObjectKind::kBoolean);
    case ObjectKind::kFloat: {
      const auto value = reader_.Float(object);
      text_ += value ? FloatLiteral(*value) : kUnknown;
      return;
    }
    case ObjectKind::kText:
      return AddText(reader_.Text(object, kMaxCharacters), false);
    case ObjectKind::kBytes:
      return AddText(reader_.Bytes(object, kMaxCharacters), true);
    case ObjectKind::kTuple:
      return AddTuple(reader_.Tuple(object, kMaxItems), depth);
    case ObjectKind::kList:
      return AddItems(reader_.List(object, kMaxItems), "[]", depth);
    case ObjectKind::kSet:
      return AddSet(object, type, depth);
    case ObjectKind::kDict:
      return AddDict(object, depth);
    case ObjectKind::kException: {
      text_ += type.name;
      const auto args = reader_.Pointer(object, layout.exception.args);
      return AddItems(args ? reader_.Tuple(*args, kMaxItems) : std::nullopt, "()", depth);
    }
    case ObjectKind::kType:
      return AddNamed("class", Quoted(reader_.TypeName(object)));
    case ObjectKind::kFunction:
      return AddNamed("function", NameAt(object, layout.function.qualname));
    case ObjectKind::kModule:
      return AddNamed("module", Quoted(NameAt(object, layout.module.name)));
    case ObjectKind::kCell:
    case ObjectKind::kOther:
      return AddInstance(object, type, depth);
  }
}

void ObjectText::AddInteger(RemoteAddress object, bool is_boolean) {
  const auto integer = reader_.ReadInteger(object, kMaxIntegerDigits);
  if (!integer) {
    text_ += kUnknown;
  } else if (integer->digits.empty()) {
    text_ += "<int of " + std::to_string(integer->bits) + " bits>";
  } else if (is_boolean) {
    text_ += integer->digits.front() == 0 ? "False" : "True";
  } else {
    text_ += IntegerLiteral(integer->digits, integer->negative);
  }
}

void ObjectText::AddText(const std::optional<PartOfText>& text, bool is_bytes) {
  if (!text) {
    text_ += kUnknown;
    return;
  }
  text_ += is_bytes ? BytesLiteral(text->beginning) : TextLiteral(text->beginning);
  if (text->count > kMaxCharacters) AddMore(kMaxCharacters, text->count);
}

void ObjectText::AddItems(const std::optional<Elements<RemoteAddress>>& items, const char* brackets, int depth) {
  text_.push_back(brackets[0]);
  if (!items) text_ += kUnknown;
  // A name and what belongs to it, as in a list of HTTP headers.
  const bool hides = items && items->count == 2 && items->first.size() == 2 && Hides(items->first.front());
  std::size_t shown = 0;
  while (items && shown < items->first.size() && !IsFull(depth)) {
    if (shown > 0) text_ += ", ";
    if (hides && shown == 1) {
      text_ += kRedacted;
    } else {
      Add(items->first[shown], depth + 1);
    }
    ++shown;
  }
  if (items && shown < items->count) {
    if (shown > 0) text_ += ", ";
    AddMore(shown, items->count);
  }
  text_.push_back(brackets[1]);
}

void ObjectText::AddTuple(const std::optional<Elements<RemoteAddress>>& items, int depth) {
  AddItems(items, "()", depth);
  if (items && items->count == 1) text_.insert(text_.size() - 1, ",");
}

void ObjectText::AddSet(RemoteAddress object, const ObjectType& type, int depth) {
  const auto items = reader_.Set(object, kMaxItems);
  const bool frozen = type.name == "frozenset";
  const bool empty = items && items->count == 0;
  if (frozen || empty) text_ += type.name + "(";
  if (!empty) AddItems(items, "{}", depth);
  if (frozen || empty) text_ += ")";
}

void ObjectText::AddDict(RemoteAddress object, int depth) {
  const auto items = reader_.Dict(object, kMaxItems);
  text_ += "{";
  if (!items) text_ += kUnknown;
  std::size_t shown = 0;
  while (items && shown < items->first.size() && !IsFull(depth)) {
    const auto& [key, value] = items->first[shown];
    if (shown > 0) text_ += ", ";
    Add(key, depth + 1);
    text_ += ": ";
    if (Hides(key)) {
      text_ += kRedacted;
    } else {
      Add(value, depth + 1);
    }
    ++shown;
  }
  if (items && shown < items->count) {
    if (shown > 0) text_ += ", ";
    AddMore(shown, items->count);
  }
  text_ += "}";
}

void ObjectText::AddInstance(RemoteAddress object, const ObjectType& type, int depth) {
  const auto attributes = depth == 0 ? Attributes(reader_).Of(object, kMaxItems + 1) : std::nullopt;
  if (!attributes || attributes->empty()) {
    text_ += "<" + type.name + " object>";
    return;
  }
  text_ += "<" + type.name;
  const char* separator = " ";
  for (const auto& [key, value] : std::span(*attributes).first(std::min(attributes->size(), kMaxItems))) {
    if (IsFull(depth)) break;
    const auto name = reader_.Text(key, kMaxCharacters);
    text_ += std::exchange(separator, ", ") + (name ? name->beginning : kUnknown) + "=";
    if (Hides(key)) {
      text_ += kRedacted;
    } else {
      Add(value, depth + 1);
    }
  }
  if (attributes->size() > kMaxItems || IsFull(depth)) text_ += ", ...";
  text_ += ">";
}

void ObjectText::AddNamed(const char* what, const std::optional<std::string>& name) {
  text_ += std::string("<") + what + " " + name.value_or(kUnknown) + ">";
}

void ObjectText::AddMore(std::size_t shown, std::uint64_t count) {
  text_ += "... " + std::to_string(count - shown) + " more";
}

bool ObjectText::IsFull(int depth) const { return depth >= kMaxDepth || text_.size() > kMaxTextBytes; }

std::optional<std::string> ObjectText::NameAt(RemoteAddress object, std::uint64_t offset) {
  const auto name = reader_.Pointer(object, offset);
  const auto text = name ? reader_.Text(*name, kMaxCharacters) : std::nullopt;
  return text ? std::optional(text->beginning) : std::nullopt;
}

bool ObjectText::Hides(RemoteAddress name) {
  const auto type = reader_.Type(name);
  if (!type) return true;  // until it is known what it is
  if (type->kind != ObjectKind::kText && type->kind != ObjectKind::kBytes) return false;
  const auto text =
      type->kind == ObjectKind::kText ? reader_.Text(name, kMaxCharacters) : reader_.Bytes(name, kMaxCharacters);
  return !text || redaction_.Hides(text->beginning);
}

}  // namespace pyleak::symbolize::python
