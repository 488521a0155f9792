/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large allocations: each heap's tree of them, with the big-page table's tags;
 * and rows of that table that no heap knows.
 */
#include "heap_work.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_NODES = 1 << 20, VA_UNUSED_BITS = 0xffff };

struct tree {
	struct heap_run *h;
	struct heap_part *part;
	uint64_t key;           /* of links: XORed with the node's own address, or not */
	bool encoded;
	size_t nr;
	uint64_t bad_va;        /* the first node that contradicts */
};

struct node { uint64_t va, left, right, data_va, pages; };

static bool node_get(struct tree *t, uint64_t va, struct node *n)
{
	const struct heap_large_layout *l = &t->h->layout->large;
	uint8_t raw[0x28] = { 0 };
	struct bytes b = { raw, l->bytes };

	if (!os_is_kernel_va(t->h->os, va) || va % t->h->layout->ptr_bytes ||
	    !heap_copy(&t->h->reader, va, raw, l->bytes))
		return false;
	*n = (struct node){
		.va = va, .left = field_or(b, l->left, 0), .right = field_or(b, l->right, 0),
		.data_va = field_or(b, l->va, 0) & ~(uint64_t)VA_UNUSED_BITS,
		.pages = field_or(b, l->pages, 0),
	};
	return true;
}

/* Links are plain, or XORed with the address of their node. */
static uint64_t child(const struct tree *t, const struct node *n, uint64_t link)
{
	return t->encoded && link ? (link ^ n->va) & heap_mask(t->h) : link;
}

static bool node_plausible(const struct heap_run *h, const struct node *n)
{
	return os_is_kernel_va(h->os, n->data_va) && n->pages &&
	       n->pages <= (h->os->vm.mode->va_mask - n->data_va) >> PAGE_SHIFT &&
	       n->pages < (uint64_t)1 << 28;
}

static void put_large(struct tree *t, const struct node *n)
{
	const struct big_block *row = heap_row(t->h, n->data_va, n->data_va + 1);
	struct block b = {
		.va = n->data_va, .size_bytes = n->pages << PAGE_SHIFT, .how = BLOCK_RANGE,
		.state = BLOCK_IN_USE, .tag = row ? row->tag : 0,
	};

	heap_put(t->part, &b);
	t->part->counted.large++;
}

/* In order, so that every node's address is bounded by those above it. */
static void walk(struct tree *t, uint64_t va, uint64_t above, uint64_t below, unsigned depth)
{
	struct node n;

	if (!va || t->nr == MAX_NODES)
		return;
	if (!node_get(t, va, &n)) {
		struct translation x;

		/* a page that is missing is no contradiction */
		if (!os_is_kernel_va(t->h->os, va) ||
		    (vm_translate(&t->h->reader.vm, va, &x, NULL) && x.kind == PTE_NONE))
			t->bad_va = t->bad_va ? t->bad_va : va;
		return;
	}
	if (depth == MAX_DEPTH || !node_plausible(t->h, &n) || n.data_va <= above ||
	    n.data_va >= below) {
		t->bad_va = t->bad_va ? t->bad_va : va;
		return;
	}
	t->nr++;
	walk(t, child(t, &n, n.left), above, n.data_va, depth + 1);
	put_large(t, &n);
	walk(t, child(t, &n, n.right), n.data_va, below, depth + 1);
}

/* Whether links are encoded is what makes sense at the root. */
static void choose_links(struct tree *t, uint64_t root)
{
	struct node n, m;
	unsigned plain = 0, coded = 0;

	if (!node_get(t, root, &n))
		return;
	for (int i = 0; i < 2; i++) {
		uint64_t link = i ? n.right : n.left;

		if (!link)
			continue;
		plain += node_get(t, link, &m) && node_plausible(t->h, &m);
		coded += node_get(t, (link ^ n.va) & heap_mask(t->h), &m) &&
			 node_plausible(t->h, &m);
	}
	t->encoded = coded > plain;
}

static uint64_t root_of(struct heap_run *h, uint64_t heap_va)
{
	const struct heap_root_layout *l = &h->layout->root;
	uint64_t root, min;

	if (!heap_word(h, heap_va, l->large_root, &root) ||
	    !heap_word(h, heap_va, l->large_min, &min) || !root)
		return 0;
	return min & 1 ? (root ^ (heap_va + l->large_root.off)) & heap_mask(h) : root;
}

static enum pool_kind kind_of(const struct heap_run *h, const struct heap_known *k)
{
	for (size_t i = 0; i < h->nr_contexts; i++)
		if (h->contexts[i].heap == (int)(k - h->heaps))
			return heap_kind(h, &h->contexts[i]);
	return POOL_NONPAGED;
}

static void fault_tree(struct heap_run *h, const struct tree *t, enum pool_kind pool)
{
	struct pool_fault f = { .kind = FAULT_LARGE_TREE, .pool = pool, .bad_va = t->bad_va,
				.page_va = t->bad_va & ~(uint64_t)(PAGE_BYTES - 1) };

	heap_copy(&h->reader, t->bad_va, f.found, sizeof f.found);
	pool_fault_add(h->pool, &f);
}

enum dl_status heap_large_run(struct heap_run *h)
{
	for (size_t i = 0; i < h->nr_heaps; i++) {
		struct heap_part *p = &h->parts[h->nr_parts];
		struct tree t = { .h = h, .part = p };
		uint64_t root = root_of(h, h->heaps[i].va);

		p->pool = (int)kind_of(h, &h->heaps[i]);
		h->nr_parts++;
		if (!root)
			continue;
		choose_links(&t, root);
		walk(&t, root, 0, UINT64_MAX, 0);
		if (t.bad_va)
			fault_tree(h, &t, (enum pool_kind)p->pool);
		if (p->failed)
			return err_set(h->err, DL_NOMEM, "out of memory for large allocations");
	}
	return DL_OK;
}
