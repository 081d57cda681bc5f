// Lists that come in pages behind a cursor.

import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Page } from "../api/types";
import { Button } from "./Button";
import { Failed, Skeleton } from "./states";

export interface List<T> {
  items: T[] | undefined;
  error: unknown;
  hasMore: boolean;
  loadingMore: boolean;
  loadMore: () => void;
  refetch: () => void;
}

/** Follows `next_cursor`; with `every` (milliseconds) the loaded pages are read again and again. */
export function useList<T>(key: QueryKey, fetchPage: (cursor: string | undefined) => Promise<Page<T>>, options: { every?: number; enabled?: boolean } = {}): List<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => fetchPage(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Page<T>) => last.next_cursor,
    refetchInterval: options.every ?? false,
    enabled: options.enabled ?? true,
  });
  return {
    items: query.data?.pages.flatMap((page) => page.items),
    error: query.error,
    hasMore: query.hasNextPage,
    loadingMore: query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
    refetch: () => void query.refetch(),
  };
}

export function ListCard<T>({ list, empty, children }: { list: List<T>; empty: ReactNode; children: (items: T[]) => ReactNode }) {
  return (
    <div className="card">
      <ListBody list={list} empty={empty}>
        {children}
      </ListBody>
    </div>
  );
}

export function ListBody<T>({ list, empty, children }: { list: List<T>; empty: ReactNode; children: (items: T[]) => ReactNode }) {
  if (list.items === undefined) return list.error ? <Failed error={list.error} retry={list.refetch} /> : <Skeleton />;
  if (list.items.length === 0) return <>{empty}</>;
  return (
    <>
      {children(list.items)}
      {list.hasMore && (
        <div className="more">
          <Button kind="quiet" onPress={list.loadMore} isPending={list.loadingMore}>
            Load more
          </Button>
        </div>
      )}
    </>
  );
}
