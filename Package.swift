// swift-tools-version: 6.2
import CompilerPluginSupport
import Foundation
import PackageDescription

// MARK: - Settings every Swift target shares

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    .treatAllWarnings(as: .error),  // SE-0480
]

// MARK: - External products, named once

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(
    name: "Configuration", package: "swift-configuration")
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let syntaxMacros: Target.Dependency = .product(name: "SwiftSyntaxMacros", package: "swift-syntax")
let compilerPlugin: Target.Dependency = .product(
    name: "SwiftCompilerPlugin", package: "swift-syntax")
let macroExpansion: Target.Dependency = .product(
    name: "SwiftSyntaxMacroExpansion", package: "swift-syntax")
let macroTestSupport: Target.Dependency = .product(
    name: "SwiftSyntaxMacrosGenericTestSupport", package: "swift-syntax")

// MARK: C-Raft, the consensus library (scripts/get-raft.sh installs it)

// A checkout without it still builds, with everything but clusters: a system library that is not
// there cannot be asked for by the manifest's own means, so the manifest looks for its files. The
// archive is linked, not the shared library: whoever runs the product installs nothing.
let raftArchives = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu/libraft.a" }
let hasRaft =
    FileManager.default.fileExists(atPath: "/usr/include/raft.h")
    && raftArchives.contains { FileManager.default.fileExists(atPath: $0) }
    && Context.environment["THALWEG_WITHOUT_RAFT"] == nil

let raft: [Target.Dependency] = hasRaft ? ["CRaft"] : []

let package = Package(
    name: "thalweg",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "ThalwegClient", targets: ["ThalwegClient"]),
        .library(name: "ThalwegRecords", targets: ["ThalwegRecords"]),
        .library(name: "ThalwegEngine", targets: ["ThalwegEngine", "ThalwegLog"]),
        .executable(name: "thalweg", targets: ["thalweg"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-syntax", from: "603.0.1"),
    ],
    targets: [
        // MARK: Core: deterministic. No clock, no entropy, no I/O, no NIO, no Foundation.
        .target(name: "CThalwegShims"),
        .target(name: "ThalwegModel"),
        .target(name: "ThalwegWire", dependencies: ["ThalwegModel", "CThalwegShims"]),
        .target(name: "ThalwegFilter", dependencies: ["ThalwegModel"]),
        .target(
            name: "ThalwegEngine",
            dependencies: ["ThalwegModel", "ThalwegWire", "ThalwegFilter", "CThalwegShims"]),
        .target(name: "ThalwegLog", dependencies: ["ThalwegModel", "CThalwegShims"]),
        .target(name: "CWasmtime", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "ThalwegPrograms",
            dependencies: ["ThalwegModel", "ThalwegEngine", "CThalwegShims", "CWasmtime"]),
        .target(
            name: "ThalwegCluster",
            dependencies: [
                "ThalwegModel", "ThalwegWire", "ThalwegLog", "ThalwegEngine", "CThalwegShims",
            ] + raft,
            swiftSettings: hasRaft ? [.define("THALWEG_RAFT")] : [],
            linkerSettings: hasRaft ? [.linkedLibrary(":libraft.a")] : []),

        // MARK: Shell: the only code that meets the outside world.
        .target(name: "ThalwegText", dependencies: ["ThalwegModel", "ThalwegWire"]),
        .target(
            name: "ThalwegConsole", path: "Console",
            resources: [
                .embedInCode("index.html"), .embedInCode("console.css"), .embedInCode("console.js"),
            ]),
        .target(name: "ThalwegTLS", dependencies: ["ThalwegModel", nioCore, nioSSL]),
        .target(
            name: "ThalwegServer",
            dependencies: [
                "ThalwegModel", "ThalwegWire", "ThalwegFilter", "ThalwegEngine", "ThalwegLog",
                "ThalwegPrograms", "ThalwegCluster", "ThalwegText", "ThalwegConsole", "ThalwegTLS",
                nioCore, nioPosix,
                nioHTTP1,
                logging, lifecycle, configuration,
            ]),
        .macro(name: "ThalwegMacros", dependencies: [syntaxMacros, compilerPlugin]),
        .target(
            name: "ThalwegClient",
            dependencies: ["ThalwegModel", "ThalwegWire", "ThalwegTLS", nioCore, nioPosix]),
        .target(name: "ThalwegRecords", dependencies: ["ThalwegClient", "ThalwegMacros"]),
        .systemLibrary(name: "CLinux"),
        .target(
            name: "ThalwegBench",
            dependencies: [
                "CLinux",
                "ThalwegModel", "ThalwegWire", "ThalwegEngine", "ThalwegPrograms", "ThalwegClient",
                histogram, nioCore, nioPosix,
            ]),
        .executableTarget(
            name: "thalweg",
            dependencies: [
                "ThalwegServer", "ThalwegClient", "ThalwegBench", "ThalwegCluster", "ThalwegLog",
                "ThalwegText", "ThalwegWire", "ThalwegModel", argumentParser, lifecycle, logging,
                signals,
            ]),

        // MARK: Tests of one target each
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(name: "ThalwegModelTests", dependencies: ["ThalwegModel"]),
        .testTarget(name: "ThalwegWireTests", dependencies: ["ThalwegWire", "ThalwegModel"]),
        .testTarget(name: "ThalwegFilterTests", dependencies: ["ThalwegFilter", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegEngineTests",
            dependencies: [
                "ThalwegEngine", "ThalwegFilter", "ThalwegWire", "ThalwegModel",
                "CAllocationCounter",
            ]),
        .testTarget(name: "ThalwegLogTests", dependencies: ["ThalwegLog", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegClusterTests",
            dependencies: ["ThalwegCluster", "ThalwegLog", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegProgramsTests",
            dependencies: ["ThalwegPrograms", "ThalwegEngine", "ThalwegWire", "ThalwegModel"],
            exclude: ["Programs"]),
        .testTarget(
            name: "ThalwegClientTests",
            dependencies: ["ThalwegClient", "ThalwegWire", "ThalwegModel", nioCore, nioPosix]),
        .testTarget(name: "ThalwegTextTests", dependencies: ["ThalwegText", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegRecordsTests",
            dependencies: ["ThalwegRecords", "ThalwegClient", "ThalwegWire", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegBenchTests",
            dependencies: ["ThalwegBench", "ThalwegWire", "ThalwegModel"]),
        .testTarget(
            name: "ThalwegCommandTests",
            dependencies: ["thalweg", "ThalwegServer", "ThalwegModel"]),

        // MARK: Tests of the whole: a server and its client, the command, the tree of files
        .testTarget(name: "SimulationTests", dependencies: ["ThalwegCluster"]),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "ThalwegServer", "ThalwegClient", "ThalwegCluster", "ThalwegPrograms", "ThalwegLog",
                "ThalwegText", "ThalwegTLS", "ThalwegWire", "ThalwegModel", logging, nioCore,
                nioPosix,
            ],
            exclude: ["Certificates"]),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "thalweg", "ThalwegBench", "ThalwegClient", "ThalwegCluster", "ThalwegLog",
                "ThalwegWire", "ThalwegModel",
            ]),
        .testTarget(name: "ThalwegTidyTests", dependencies: ["ThalwegModel"]),
    ]
)

// A test target that imports a macro makes SwiftPM build every test, and all they import, a second
// time for the machine that compiles. So the tests of the macro's expansions are asked for by name.
if Context.environment["THALWEG_MACRO_TESTS"] != nil {
    package.targets.append(
        .testTarget(
            name: "ThalwegMacroExpansionTests",
            dependencies: ["ThalwegMacros", macroExpansion, macroTestSupport, syntaxMacros]))
}

if hasRaft { package.targets.append(.systemLibrary(name: "CRaft")) }

// What is written in C, or is the system's.
let foreign = ["CThalwegShims", "CWasmtime", "CAllocationCounter", "CRaft", "CLinux"]
for target in package.targets where !foreign.contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + swiftSettings
}
