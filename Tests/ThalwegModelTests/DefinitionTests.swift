import Testing
import ThalwegModel

@Suite("Keys, names and topic definitions")
struct DefinitionTests {
    private let keys: [Key] = [
        .u64(0), .u64(.max),
        .uuid(UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)),
        .bytes32(Array(0..<32)), .string(""), .string("van-7"),
        .string(String(repeating: "é", count: 127)),
    ]

    @Test("keys read back from bytes and from text")
    func keyRoundTrips() throws {
        for key in keys {
            let encoded = try key.encoded()
            let read = try lend(encoded) {
                var reader = ByteReader($0)
                let key = try Key(key.kind, from: &reader)
                try reader.finish()
                return key
            }
            #expect(read == key)
            #expect(try Key(key.kind, text: key.description) == key)
            if let size = key.kind.fixedSize { #expect(encoded.count == size) }
            for count in encoded.indices {
                #expect(throws: ThalwegError.self) {
                    try lend(Array(encoded[..<count])) {
                        var reader = ByteReader($0)
                        return try Key(key.kind, from: &reader)
                    }
                }
            }
        }
    }

    @Test("a uuid's bytes are in reading order")
    func uuidOrder() throws {
        let id = try #require(UniqueID("00112233-4455-6677-8899-aabbccddeeff"))
        let bytes = try Key.uuid(id).encoded()
        #expect(bytes == stride(from: 0, through: 0xff, by: 0x11).map { UInt8($0) })
    }

    @Test("keys are equal when their bytes are, however Unicode compares them")
    func keyIdentity() {
        let composed = Key.string("\u{e9}")
        let decomposed = Key.string("e\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, .string("\u{e9}")]).count == 2)
    }

    @Test("bad keys are refused")
    func badKeys() {
        #expect(throws: ThalwegError.self) { try Key.bytes32([1]).encoded() }
        let long = Key.string(String(repeating: "x", count: 256))
        let error = #expect(throws: ThalwegError.self) { try long.encoded() }
        #expect(error?.limit == 255)
        #expect(error?.value == 256)
        for (kind, text) in [
            (KeyKind.u64, "-1"), (.u64, "18446744073709551616"), (.u64, ""), (.uuid, "0011"),
            (.uuid, String(repeating: "g", count: 32)), (.bytes32, "00"), (.bytes32, "0"),
        ] {
            let error = #expect(throws: ThalwegError.self) { try Key(kind, text: text) }
            #expect(error?.code == .invalidKey)
        }
        #expect(throws: ThalwegError.self) {
            try lend([2, 0xff, 0xff]) {
                var reader = ByteReader($0)
                return try Key(.string, from: &reader)
            }
        }
    }

    @Test("names are checked, and the system's prefix is reserved")
    func names() throws {
        for name in ["a", "Z", "0", "a.b_c-d", String(repeating: "x", count: 255)] {
            #expect(throws: Never.self) { try Name.check(name, of: "topic") }
        }
        for name in ["", " ", "a b", "é", "a/b", "a\0", String(repeating: "x", count: 256)] {
            let error = #expect(throws: ThalwegError.self) { try Name.check(name, of: "topic") }
            #expect(error?.code == .invalidName)
        }
        #expect(throws: ThalwegError.self) { try Name.checkUserTopic("thalweg.topics") }
        #expect(throws: Never.self) { try Name.checkUserTopic("thalwegs") }
    }

    private func definition(_ bytes: [UInt8]) throws -> TopicDefinition {
        try lend(bytes) {
            var reader = ByteReader($0)
            let definition = try TopicDefinition(from: &reader)
            try reader.finish()
            return definition
        }
    }

    @Test("topic definitions read back, and every cut is an error")
    func definitions() throws {
        let histories: [TopicOptions.History] = [
            .none, .count(5), .microseconds(1), .forever,
        ]
        let writes: [TopicOptions.Writes] = [
            .every, .coalesced(windowMicroseconds: 1_000),
            .coalesced(windowMicroseconds: 60_000_000),
        ]
        for history in histories {
            for write in writes {
                for schema in [nil, try Schema(parsing: "a: u8, b: string(4)?")] {
                    let original = TopicDefinition(
                        name: "t",
                        keyKind: .string,
                        schema: schema,
                        options: TopicOptions(writes: write, history: history)
                    )
                    var writer = ByteWriter()
                    original.encode(into: &writer)
                    let bytes = writer.bytes
                    #expect(try definition(bytes) == original)
                    for count in bytes.indices {
                        #expect(throws: ThalwegError.self) {
                            try definition(Array(bytes[..<count]))
                        }
                    }
                }
            }
        }
    }

    @Test("a definition has one encoding: damage is an error or another definition")
    func canonicalDefinitions() throws {
        var writer = ByteWriter()
        TopicDefinition(name: "t", keyKind: .u64, schema: nil).encode(into: &writer)
        for position in writer.bytes.indices {
            for byte in UInt8.min ... .max {
                var damaged = writer.bytes
                damaged[position] = byte
                do {
                    var again = ByteWriter()
                    try definition(damaged).encode(into: &again)
                    #expect(again.bytes == damaged)
                } catch is ThalwegError {
                    continue
                }
            }
        }
    }

    @Test("windows outside 1 ms to 60 s are refused, but for 0, which asks for the default")
    func windows() throws {
        var writer = ByteWriter()
        let asking = TopicDefinition(
            name: "t", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .coalesced(windowMicroseconds: 0)))
        asking.encode(into: &writer)
        #expect(try definition(writer.bytes) == asking)
        for window in [UInt32(1), 999, 60_000_001] {
            var writer = ByteWriter()
            TopicDefinition(
                name: "t",
                keyKind: .u64,
                schema: nil,
                options: TopicOptions(writes: .coalesced(windowMicroseconds: window))
            ).encode(into: &writer)
            let error = #expect(throws: ThalwegError.self) { try definition(writer.bytes) }
            #expect(error?.code == .invalidOptions)
        }
    }

    @Test("every error code has a name of its own")
    func errorNames() {
        #expect(Set(ErrorCode.names.values).count == ErrorCode.names.count)
        #expect(ErrorCode.tooOld.name == "too_old")
        #expect(ErrorCode(rawValue: 9_999).name == "error_9999")
    }
}
