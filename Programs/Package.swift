// swift-tools-version: 6.2
import Foundation
import PackageDescription

// What authors of programs use, and the example programs. It depends on nothing. `swift test` runs
// programs natively; `swift package build-program` makes their modules.
//
// `thalweg program new` puts a copy without examples and tests into each new package.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

let hasExamples = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/Examples")
let examples = [
    "PassThrough", "DoNothing", "Stutter", "AcceptEven", "Sequence", "Counter", "Transfer", "Moves",
]

let package = Package(
    name: "TopicKit",
    products: [
        .library(name: "TopicKit", targets: ["TopicKit"]),
        .plugin(name: "BuildProgram", targets: ["BuildProgram"]),
    ],
    targets: [
        .target(
            name: "TopicKit",
            swiftSettings: settings + [.enableExperimentalFeature("Lifetimes")]),
        .plugin(
            name: "BuildProgram",
            capability: .command(
                intent: .custom(
                    verb: "build-program",
                    description: "Builds each program of this package as a WebAssembly module"))),
    ]
)

if hasExamples {
    package.targets += examples.map { name in
        .executableTarget(
            name: name, dependencies: ["TopicKit"], path: "Examples/\(name)",
            swiftSettings: settings)
    }
    package.targets += [
        .testTarget(name: "TopicKitTests", dependencies: ["TopicKit"], swiftSettings: settings),
        .testTarget(
            name: "ExampleTests",
            dependencies: ["TopicKit"] + examples.map { .byName(name: $0) },
            swiftSettings: settings),
    ]
}
