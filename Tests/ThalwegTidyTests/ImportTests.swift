import Testing

/// Which room may see which: the table of ARCHITECTURE.md as a check.
@Suite struct ImportTests {
    private static let system: Set<String> = ["Glibc", "Darwin", "Musl", "Synchronization"]

    private static let allowed: [String: Set<String>] = [
        "ThalwegModel": [],
        "ThalwegWire": ["ThalwegModel", "CThalwegShims"],
        "ThalwegFilter": ["ThalwegModel"],
        "ThalwegEngine": ["ThalwegModel", "ThalwegWire", "ThalwegFilter", "CThalwegShims"],
        "ThalwegLog": ["ThalwegModel", "CThalwegShims"],
        "ThalwegPrograms": ["ThalwegModel", "ThalwegEngine", "CThalwegShims", "CWasmtime"],
        "ThalwegCluster": [
            "ThalwegModel", "ThalwegWire", "ThalwegEngine", "ThalwegLog", "CThalwegShims", "CRaft",
        ],
        "ThalwegText": ["ThalwegModel", "ThalwegWire"],
        "ThalwegTLS": ["ThalwegModel", "NIOCore", "NIOSSL"],
        "ThalwegServer": [
            "ThalwegModel", "ThalwegWire", "ThalwegFilter", "ThalwegEngine", "ThalwegLog",
            "ThalwegPrograms", "ThalwegCluster", "ThalwegText", "ThalwegConsole", "ThalwegTLS",
            "NIOCore", "NIOPosix",
            "NIOHTTP1", "Logging", "ServiceLifecycle", "Configuration", "Foundation",
        ],
        "ThalwegMacros": [
            "SwiftSyntax", "SwiftSyntaxBuilder", "SwiftSyntaxMacros", "SwiftCompilerPlugin",
            "SwiftDiagnostics",
        ],
        "ThalwegRecords": ["ThalwegClient", "ThalwegMacros"],
        "ThalwegClient": ["ThalwegModel", "ThalwegWire", "ThalwegTLS", "NIOCore", "NIOPosix"],
        "ThalwegBench": [
            "ThalwegModel", "ThalwegWire", "ThalwegEngine", "ThalwegPrograms", "ThalwegClient",
            "CLinux", "Histogram", "NIOCore", "NIOPosix", "Foundation",
        ],
        "thalweg": [
            "ThalwegModel", "ThalwegWire", "ThalwegLog", "ThalwegServer", "ThalwegClient",
            "ThalwegBench", "ThalwegCluster", "ThalwegText", "ArgumentParser", "Logging",
            "ServiceLifecycle",
            "UnixSignals", "Foundation",
        ],
    ]

    @Test func eachTargetImportsOnlyWhatItsRoomMaySee() throws {
        // The copy of the kit is text, with import lines of its own.
        for file in try SourceTree.files(in: "Sources", ["swift"])
        where file.path != KitDocument.path {
            let target = try #require(file.target)
            let allowed = try #require(Self.allowed[target], "no rule for target \(target)")
            for line in file.lines {
                guard let module = Self.imported(line) else { continue }
                #expect(
                    allowed.contains(module) || Self.system.contains(module),
                    "\(file.path) imports \(module)")
            }
        }
    }

    /// The client is an ordinary dependency of other people's packages.
    @Test func theClientSeesNoServer() throws {
        for file in try SourceTree.files(in: "Sources/ThalwegClient", ["swift"]) {
            for line in file.lines {
                let module = Self.imported(line) ?? ""
                #expect(!["ThalwegServer", "ThalwegEngine", "ThalwegLog"].contains(module))
            }
        }
    }

    private static func imported(_ line: Substring) -> String? {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"),
            words[..<place].allSatisfy({
                $0.hasPrefix("@") || ["public", "internal", "package", "private"].contains($0)
            }), place + 1 < words.count
        else { return nil }
        return words[place + 1].split(separator: ".").first.map(String.init)
    }
}
