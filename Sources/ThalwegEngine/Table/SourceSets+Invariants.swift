extension SourceSets {
    /// Stops the process where `word` is not the one form that its set has. For tests.
    mutating func checkCanonical(_ word: UInt64) {
        let members = members(word)
        precondition(members == Set(members).sorted(), "members are not in ascending order")
        precondition(self.word(members) == word, "a set has two words")
    }
}
