#include "controller/judge/verdict.h"

namespace serin::judge {

std::string_view name_of(Answer answer) {
  switch (answer) {
    case Answer::undecided:
      return "undecided";
    case Answer::pass:
      return "pass";
    case Answer::fail:
      return "fail";
    case Answer::inconclusive:
      return "inconclusive";
  }
  return "undecided";
}

}  // namespace serin::judge
