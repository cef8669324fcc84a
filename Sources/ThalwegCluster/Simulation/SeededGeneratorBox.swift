import ThalwegLog

/// The one source of chance of a run.
final class SeededGeneratorBox {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    func next() -> UInt64 { generator.next() }

    func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &generator) }

    /// Microseconds.
    func duration(_ range: ClosedRange<UInt64>) -> UInt64 {
        .random(in: range, using: &generator)
    }

    func once(in count: Int) -> Bool { below(count) == 0 }

    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.randomElement(using: &generator)
    }
}
