package shard_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/mcploop/mcploop/shard"
)

func ExampleRing() {
	posts, err := shard.NewRing[string](16)
	if err != nil {
		panic(err)
	}
	posts.TryPush("first") // from any goroutine
	posts.TryPush("second")
	batch := make([]string, 8)
	n := posts.PopBatch(batch)
	fmt.Println(batch[:n], posts.Level())
	// Output: [first second] normal
}

func ExampleTable() {
	upstreams, err := shard.NewTable[string, int](0, shard.HashString)
	if err != nil {
		panic(err)
	}
	upstreams.Put("weather", 1)
	v, ok := upstreams.Get("weather")
	fmt.Println(v, ok, upstreams.Len())
	// Output: 1 true 1
}

func ExampleWorkers() {
	var sum atomic.Int64
	workers, err := shard.NewWorkers(shard.WorkersOptions{Count: 4},
		func(_ int, v int64) { sum.Add(v) })
	if err != nil {
		panic(err)
	}
	for v := range int64(10) {
		if err := workers.Submit(int(v), v); err != nil {
			panic(err)
		}
	}
	if err := workers.Close(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(sum.Load())
	// Output: 45
}
