package server_test

import (
	"runtime/debug"
	"slices"
	"sync"
)

// underRace tells that the race detector is in this binary, which makes starts of processes slow.
var underRace = sync.OnceValue(func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
})
