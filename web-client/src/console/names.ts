// Names for the ids that other resources carry. One page of 200 each is loaded and shared by every list on screen.

import { useQuery } from "@tanstack/react-query";
import { listDataTypes, listNotices, listPurposes } from "../api/catalogue";
import { listEndpoints } from "../api/endpoints";
import { getSubject } from "../api/subjects";
import type { DataType, Endpoint, Notice, Purpose } from "../api/types";
import { useMay } from "./session";

const ALL = { limit: 200 };

export function useEndpointList(): Endpoint[] | undefined {
  const may = useMay();
  return useQuery({ queryKey: ["endpoints", "names"], queryFn: () => listEndpoints(ALL), enabled: may("endpoints:read"), staleTime: 30_000 }).data?.items;
}

export function usePurposeList(): Purpose[] | undefined {
  const may = useMay();
  return useQuery({ queryKey: ["purposes", "names"], queryFn: () => listPurposes(ALL), enabled: may("catalogue:read"), staleTime: 30_000 }).data?.items;
}

export function useDataTypeList(): DataType[] | undefined {
  const may = useMay();
  return useQuery({ queryKey: ["data-types", "names"], queryFn: () => listDataTypes(ALL), enabled: may("catalogue:read"), staleTime: 30_000 }).data?.items;
}

export function useNoticeList(): Notice[] | undefined {
  const may = useMay();
  return useQuery({ queryKey: ["notices", "names"], queryFn: () => listNotices(ALL), enabled: may("catalogue:read"), staleTime: 30_000 }).data?.items;
}

export interface Names {
  endpoint: (id: string | undefined) => string;
  purpose: (id: string | undefined) => string;
  dataType: (id: string | undefined) => string;
}

/** Looks names up; an id that is not (yet) known shows its first characters. */
export function useNames(): Names {
  const endpoints = useEndpointList();
  const purposes = usePurposeList();
  const dataTypes = useDataTypeList();
  return {
    endpoint: (id) => endpoints?.find((each) => each.id === id)?.slug ?? shortId(id),
    purpose: (id) => purposes?.find((each) => each.id === id)?.name ?? shortId(id),
    dataType: (id) => dataTypes?.find((each) => each.id === id)?.name ?? shortId(id),
  };
}

/** The tenant's own id of a subject; loaded once per subject. */
export function useSubjectName(id: string | undefined): string | undefined {
  const may = useMay();
  const query = useQuery({
    queryKey: ["subject", id],
    queryFn: () => getSubject(id ?? ""),
    enabled: id !== undefined && may("subjects:read"),
    staleTime: 300_000,
    retry: false,
  });
  return id === undefined ? undefined : (query.data?.external_id ?? shortId(id));
}

export function shortId(id: string | undefined): string {
  return id === undefined ? "–" : id.slice(-8);
}
