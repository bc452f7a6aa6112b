package schema

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of one pattern: RE2 takes time in proportion to its instructions for each character.
const (
	patternBytesMax = 4 << 10
	patternCostMax  = 10_000 // instructions
)

// patternSteps is what all patterns of a check of so many bytes may take together, in textCost. For
// patterns with ambiguous repetitions, which are the slowest, the most is half a second.
func patternSteps(bytes int) int { return min(stepsFree+stepsPerByte*bytes, 1<<20) }

// textCost is what a pattern of that many instructions takes for a text.
func textCost(bytes, instructions int) int { return 1 + bytes/64*instructions }

// compilePattern also tells the number of instructions that RE2 may run for one character.
func compilePattern(text string) (*regexp.Regexp, int, error) {
	if len(text) > patternBytesMax {
		return nil, 0, fmt.Errorf("cannot compile the schema: pattern %.64q… has %d bytes; "+
			"want at most %d", text, len(text), patternBytesMax)
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot compile the schema: pattern %.64q: %w", text, err)
	}
	cost := patternCost(text)
	if cost > patternCostMax {
		return nil, 0, fmt.Errorf("cannot compile the schema: pattern %.64q takes %d "+
			"instructions; want at most %d: smaller bounds of repetition", text, cost,
			patternCostMax)
	}
	return pattern, cost, nil
}

// patternEngine is compilePattern for santhosh.
func patternEngine(text string) (jsonschema.Regexp, error) {
	pattern, _, err := compilePattern(text)
	if err != nil {
		return nil, err
	}
	return pattern, nil
}

// patternCost is the number of instructions that RE2 may run for one character, in steps for 64.
func patternCost(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return unlimited
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return unlimited
	}
	return len(prog.Inst)
}
