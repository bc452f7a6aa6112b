package pool_test

import (
	"fmt"

	"github.com/mcploop/mcploop/pool"
)

func ExampleBytes() {
	buffers := pool.NewBytes(0)
	b := buffers.Get()
	b.B = append(b.B, "hello"...)
	fmt.Println(string(b.B))
	buffers.Put(b) // b.B must not be touched from here on
	// Output: hello
}
