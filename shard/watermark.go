package shard

// Level says where a queue stands between its watermarks.
type Level uint8

// The levels, in order. A queue below 75 % is normal; from 75 % on the owner
// should be told, from 95 % on new work is to be refused.
const (
	LevelNormal Level = iota
	LevelWarn
	LevelReject
)

// String returns the level's name as metrics print it.
func (l Level) String() string {
	switch l {
	case LevelNormal:
		return "normal"
	case LevelWarn:
		return "warn"
	default:
		return "reject"
	}
}

// percentOf rounds up, so that a tiny queue can still be filled.
func percentOf(slots, percent int) int { return (slots*percent + 99) / 100 }

func levelOf(length, warn, reject int) Level {
	switch {
	case length >= reject:
		return LevelReject
	case length >= warn:
		return LevelWarn
	default:
		return LevelNormal
	}
}
