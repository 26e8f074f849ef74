// The floor: read a range of NDJSON, parse each line with simdjson on-demand, find the code, and
// read subject, time, status and value where it is one of those that are asked for.
//   floor FILE LOW HIGH CODE...
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

using namespace simdjson;

static std::vector<std::string> wanted;
static long lines = 0, relevant = 0;
static double total = 0;

static bool has_wanted_code(ondemand::object concept_object) {
    ondemand::array codings;
    if (concept_object["coding"].get_array().get(codings)) return false;
    for (auto coding : codings) {
        std::string_view code;
        if (coding["code"].get_string().get(code)) continue;
        for (auto const& one : wanted)
            if (code == one) return true;
    }
    return false;
}

static void read_line(ondemand::parser& parser, char* line, size_t length, size_t capacity) {
    ondemand::document document;
    ondemand::object root;
    ++lines;
    if (parser.iterate(line, length, capacity).get(document)) return;
    if (document.get_object().get(root)) return;
    std::string_view status, subject, effective;
    double value = 0;
    bool is_wanted = false;
    for (auto field : root) {
        std::string_view key;
        if (field.unescaped_key().get(key)) return;
        if (key == "status") {
            if (field.value().get_string().get(status)) return;
        } else if (key == "code") {
            ondemand::object concept_object;
            if (field.value().get_object().get(concept_object)) return;
            if (!has_wanted_code(concept_object)) return;
            is_wanted = true;
        } else if (key == "subject") {
            if (field.value()["reference"].get_string().get(subject)) return;
        } else if (key == "effectiveDateTime") {
            if (field.value().get_string().get(effective)) return;
        } else if (key == "valueQuantity") {
            if (field.value()["value"].get_double().get(value)) return;
        }
    }
    if (is_wanted) {
        ++relevant;
        total += value + double(status.size() + subject.size() + effective.size());
    }
}

int main(int count, char** arguments) {
    if (count < 4) return 2;
    for (int i = 4; i < count; ++i) wanted.emplace_back(arguments[i]);
    long at = std::atol(arguments[2]), high = std::atol(arguments[3]);
    constexpr size_t block = 1 << 20, longest = 1 << 24;
    std::vector<char> buffer(longest + block + SIMDJSON_PADDING);
    int file = open(arguments[1], O_RDONLY);
    if (file < 0) return 1;
    bool skip = at > 0;
    if (skip) --at;
    lseek(file, at, SEEK_SET);
    ondemand::parser parser;
    size_t held = 0;
    while (at < high) {
        ssize_t got = read(file, buffer.data() + held, block);
        if (got <= 0) break;
        size_t end = held + size_t(got), start = 0;
        while (at < high) {
            char* newline = static_cast<char*>(std::memchr(buffer.data() + start, '\n', end - start));
            if (!newline) break;
            size_t length = size_t(newline - (buffer.data() + start));
            if (!skip) read_line(parser, buffer.data() + start, length, buffer.size() - start);
            skip = false;
            start += length + 1;
            at += long(length) + 1;
        }
        held = end - start;
        std::memmove(buffer.data(), buffer.data() + start, held);
        if (held > longest) return 1;
    }
    std::printf("%ld %ld %.3f\n", lines, relevant, total);
    return 0;
}
