import Testing

@testable import thalweg

@Suite struct TableTests {
    @Test func numbersStandToTheRightAndTextToTheLeft() {
        var table = Table(header: ["KEY", "NAME"])
        table.append(["7", "Ada"])
        table.append(["1000", "x"])
        #expect(table.text == " KEY  NAME\n   7  Ada\n1000  x")
    }

    @Test func aListOfNamesHasNoHeader() {
        var table = Table(header: nil)
        table.append(["id", "12"])
        table.append(["name", "a"])
        #expect(table.text == "id    12\nname  a")
    }
}
