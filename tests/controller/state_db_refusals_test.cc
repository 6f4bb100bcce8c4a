// A database that cannot be used: one line that names the file, what is wrong and the remedy; nothing is lost.
#include <gmock/gmock.h>

#include <fstream>

#include "controller/state_db.h"
#include "tests/controller/as_nobody.h"
#include "tests/controller/small_disk.h"
#include "tests/controller/state_fixture.h"

namespace serin::controller {
namespace {

using testing::OtherProgram;
using StateDbRefusals = testing::StateFixture;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The one line; an empty kind is none.
Error error_of(const std::filesystem::path& file) {
  const auto database = StateDb::open(file);
  EXPECT_FALSE(database) << file << " was opened";
  if (database) return {};
  EXPECT_THAT(database.error().text, StartsWith("database " + file.string() + ": "));
  EXPECT_THAT(database.error().text, Not(HasSubstr("\n")));
  return database.error();
}

StoreHost host(const std::string& name) {
  return {{.name = name, .public_key = name}};
}

std::vector<Record> many_hosts() {
  std::vector<Record> hosts;
  hosts.reserve(2'000);
  for (int i = 0; i < 2'000; ++i) hosts.emplace_back(host("web-" + std::to_string(i)));
  return hosts;
}

/// The last ones: of rows, not of the schema, which every connection reads.
void damage_pages(const std::filesystem::path& file) {
  const auto pages = static_cast<int>(std::filesystem::file_size(file) / 4'096);
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  for (int page = pages - 20; page < pages; ++page) {
    bytes.seekp(page * 4'096 + 3);
    bytes << std::string(1'000, '\x5a');
  }
}

TEST_F(StateDbRefusals, a_file_that_is_no_database) {
  std::ofstream(folder / "text.db") << "This is a letter, and a longer one than the header of a database would be. "
                                    << std::string(4'096, 'x');
  const Error error = error_of(folder / "text.db");
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_THAT(error.text, HasSubstr("file is not a database: the file is damaged or no database: move it away and "
                                    "restore a backup"));
}

TEST_F(StateDbRefusals, a_database_with_damaged_pages) {
  commit(many_hosts());
  database = open(folder / "other.db");  // closes the first one: its log is written back
  damage_pages(file);
  const Error error = error_of(file);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_THAT(error.text, HasSubstr("move it away and restore a backup"));
}

TEST_F(StateDbRefusals, a_further_connection_is_not_checked_once_more) {
  commit(many_hosts());
  EXPECT_EQ(database.another().value().load().value().hosts.size(), many_hosts().size());
  database = open(folder / "other.db");
  database = open(file);
  damage_pages(file);
  const auto further = database.another();
  EXPECT_TRUE(further) << further.error().text;
  EXPECT_EQ(error_of(file).kind, ErrorKind::corrupt);
}

TEST_F(StateDbRefusals, the_database_of_another_program) {
  OtherProgram(folder / "mail.db").run("CREATE TABLE mail(subject TEXT)");
  EXPECT_EQ(error_of(folder / "mail.db"),
            (Error{ErrorKind::corrupt, "database " + (folder / "mail.db").string() +
                                           ": this is another program's database: give Serin a state_dir of its own"}));
  EXPECT_EQ(OtherProgram(folder / "mail.db").run("SELECT name FROM sqlite_schema").size(), 1U) << "left alone";
}

TEST_F(StateDbRefusals, a_database_of_a_newer_version) {
  OtherProgram(file).run("PRAGMA user_version=6");
  EXPECT_EQ(error_of(file), (Error{ErrorKind::unsupported,
                                   "database " + file.string() +
                                       ": written by a newer Serin (schema 6, this one knows 5): install that version "
                                       "again, or restore a backup"}));
}

TEST_F(StateDbRefusals, a_database_that_another_process_has_for_itself) {
  database = open(folder / "other.db");
  OtherProgram other(file);
  other.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM host; COMMIT");
  const Error error = error_of(file);
  EXPECT_EQ(error.kind, ErrorKind::busy);
  EXPECT_THAT(error.text, HasSubstr("another process holds it: close it (fuser shows which)"));
}

TEST_F(StateDbRefusals, a_transaction_that_another_process_left_open_delays_a_commit_and_loses_nothing) {
  OtherProgram other(file);
  other.run("BEGIN IMMEDIATE");
  const auto refused = database.commit({host("web-01")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::busy);
  EXPECT_THAT(refused.error().text, HasSubstr("another process holds it"));
  other.run("ROLLBACK");
  commit({host("web-01")});
  EXPECT_EQ(loaded().hosts.size(), 1U);
}

TEST_F(StateDbRefusals, a_folder_that_may_not_be_entered) {
  std::filesystem::create_directory(folder / "secret");
  std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
  const serin::testing::AsNobody nobody;
  const Error error = error_of(folder / "secret" / "serin.db");
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_THAT(error.text,
              HasSubstr("unable to open database file: the daemon's user must be able to read and write it and its "
                        "folder"));
}

TEST_F(StateDbRefusals, a_folder_that_is_not_there) {
  EXPECT_EQ(error_of(folder / "nowhere" / "serin.db").kind, ErrorKind::refused);
}

TEST_F(StateDbRefusals, a_file_that_may_only_be_read) {
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  std::filesystem::permissions(file, std::filesystem::perms(0444));
  database = open(folder / "other.db");
  const serin::testing::AsNobody nobody;
  const Error error = error_of(file);
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_THAT(error.text,
              HasSubstr("it may only be read: the daemon's user must be able to read and write it and its folder"));
}

TEST_F(StateDbRefusals, rows_that_serin_did_not_write) {
  commit(testing::rows_of(testing::sample_rollout(1)));
  for (const std::string change :
       {"UPDATE deployment SET phase=99", "UPDATE deployment SET phase=0, settings='{}'",
        "UPDATE deployment SET settings='no json'", "INSERT INTO release VALUES('shop', 1, x'00', x'00', 0, 0)"}) {
    OtherProgram(file).run(change);
    const auto state = database.load();
    ASSERT_FALSE(state) << change;
    EXPECT_EQ(state.error().kind, ErrorKind::corrupt) << change;
    EXPECT_THAT(state.error().text, StartsWith("database " + file.string() + ": a row that Serin did not write: "));
  }
}

TEST(StateDbOnAFullDisk, refuses_what_does_not_fit_keeps_what_it_has_and_goes_on_when_there_is_room) {
  serin::testing::SmallDisk disk(1U << 20);
  const auto file = disk / "serin.db";
  auto database = StateDb::open(file);
  ASSERT_TRUE(database) << database.error().text;
  ASSERT_TRUE(database->commit({host("web-01")}));
  disk.fill();
  std::vector<Record> many;
  many.reserve(500);
  for (int i = 0; i < 500; ++i) many.emplace_back(host("new-" + std::to_string(i)));
  const auto refused = database->commit(many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::no_space);
  EXPECT_THAT(refused.error().text, HasSubstr("the disk is full: free some space"));
  EXPECT_THAT(refused.error().text, Not(HasSubstr("\n")));
  ASSERT_TRUE(database->load()) << "reading goes on";
  EXPECT_EQ(database->load()->hosts.size(), 1U);
  disk.free();
  ASSERT_TRUE(database->commit(many));
  EXPECT_EQ(StateDb::open(file)->load()->hosts.size(), 501U);
}

TEST(StateDbOnAFullDisk, a_new_one_is_refused_with_the_remedy) {
  serin::testing::SmallDisk disk(16U << 10);
  disk.fill();
  EXPECT_EQ(error_of(disk / "serin.db").kind, ErrorKind::no_space);
}

}  // namespace
}  // namespace serin::controller
